//! Generates the Rust types from `dao/avatar/v1/*.proto`. protox parses the files, so no `protoc` has to be installed.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The Meta Unit's workspace builds this crate by a manifest of its own, two folders away.
    let root = ["", "../../proto"]
        .map(PathBuf::from)
        .into_iter()
        .find(|root| root.join("dao").is_dir())
        .ok_or("dao/ is missing")?;
    println!("cargo:rerun-if-changed={}", root.join("dao").display());
    let mut files: Vec<PathBuf> = std::fs::read_dir(root.join("dao/avatar/v1"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "proto"));
    // The order of the generated code must not depend on the file system: builds are compared byte for byte.
    files.sort();
    let descriptors = protox::compile(&files, [if root.as_os_str().is_empty() { ".".into() } else { root }])?;
    prost_build::Config::new()
        // They carry secrets, which nobody shall print by accident.
        .skip_debug([
            "dao.avatar.v1.KeysCommand",
            "dao.avatar.v1.KeysWrap",
            "dao.avatar.v1.KeysResult",
        ])
        .compile_fds(descriptors)?;
    Ok(())
}
