#!/bin/sh
# libFuzzer without cargo-fuzz and without a nightly toolchain:  run.sh TARGET [SECONDS]
#
# The flags are those that cargo-fuzz sets for coverage. Found inputs go to a folder beside the build; those that are worth it are copied to corpus/ by hand.
set -eu
cd "$(dirname "$0")"
target="${1:?a target: see README.md}"
seconds="${2:-60}"
host="$(rustc -vV | sed -n 's/^host: //p')"
target_dir="${CARGO_TARGET_DIR:-target}"
found="$target_dir/found/$target"
mkdir -p "$found"
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing" \
  cargo build --release --features libfuzzer --bin "$target" --target "$host"
exec "$target_dir/$host/release/$target" "$found" "corpus/$target" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -artifact_prefix="$found/"
