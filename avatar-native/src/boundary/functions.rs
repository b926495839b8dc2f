//! The functions of Avatar ABI v1 (ABI.md §4 to §7), with their types and with which arguments are buffers. Their numbers are those of traces (REPLAY.md).

/// The type of an argument or a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
}

use Type::{I32, I64};

/// What there is to know of a function.
#[derive(Debug)]
pub struct Signature {
    /// As it is linked.
    pub name: &'static str,
    /// Its arguments.
    pub params: &'static [Type],
    /// What it returns.
    pub result: Option<Type>,
    /// Where the pointers stand among the arguments; each is followed by its length.
    pub buffers: &'static [usize],
}

const fn signature(
    name: &'static str,
    params: &'static [Type],
    result: Option<Type>,
    buffers: &'static [usize],
) -> Signature {
    Signature {
        name,
        params,
        result,
        buffers,
    }
}

macro_rules! functions {
    ($(#[$doc:meta])* $set:ident { $($name:ident = $number:literal: $signature:expr,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $set {
            $(#[doc = concat!("Function ", $number, ".")] $name = $number,)*
        }

        impl $set {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            const SIGNATURES: &[Signature] = &[$($signature,)*];

            /// Its name, types and buffers.
            pub fn signature(self) -> &'static Signature {
                &Self::SIGNATURES[self as usize]
            }

            /// The function of this number.
            pub fn from_number(number: u8) -> Option<Self> {
                Self::ALL.get(usize::from(number)).copied()
            }
        }
    };
}

functions! {
    /// What the guest exports besides its memory (§4).
    Export {
        Alloc = 0: signature("yuan_alloc", &[I32], Some(I32), &[]),
        Init = 1: signature("yuan_init", &[I32, I32], Some(I32), &[0]),
        HandleRequest = 2: signature("yuan_handle_request", &[I64, I32, I32], Some(I32), &[1]),
        CancelRequest = 3: signature("yuan_cancel_request", &[I64], Some(I32), &[]),
        Complete = 4: signature("yuan_complete", &[I64, I32, I32, I32, I32, I32], Some(I32), &[2, 4]),
        StreamEvent = 5: signature("yuan_stream_event", &[I32, I32, I64, I32, I32], Some(I32), &[3]),
        Turn = 6: signature("yuan_turn", &[I32], Some(I64), &[]),
        Shutdown = 7: signature("yuan_shutdown", &[I64], Some(I32), &[]),
    }
}

functions! {
    /// What the guest imports from the module `avatar_v1` (§5 to §7).
    Import {
        Log = 0: signature("avatar_log", &[I32, I32, I32], None, &[1]),
        ClockUnix = 1: signature("avatar_clock_unix_us", &[], Some(I64), &[]),
        ClockMonotonic = 2: signature("avatar_clock_monotonic_us", &[], Some(I64), &[]),
        Random = 3: signature("avatar_random", &[I32, I32], Some(I32), &[0]),
        Panic = 4: signature("avatar_panic", &[I32, I32], None, &[0]),
        Respond = 5: signature("avatar_respond", &[I64, I32, I32, I32, I32, I32], Some(I32), &[2, 4]),
        Emit = 6: signature("avatar_emit", &[I32, I32, I32], Some(I32), &[1]),
        NetRequest = 7: signature("avatar_net_request", &[I64, I32, I32, I32, I32], Some(I32), &[1, 3]),
        Storage = 8: signature("avatar_storage", &[I64, I32, I32, I32, I32], Some(I32), &[1, 3]),
        P2p = 9: signature("avatar_p2p", &[I64, I32, I32], Some(I32), &[1]),
        Infer = 10: signature("avatar_infer", &[I64, I32, I32, I32, I32], Some(I32), &[1, 3]),
        Cancel = 11: signature("avatar_cancel", &[I64], Some(I32), &[]),
        StreamWrite = 12: signature("avatar_stream_write", &[I32, I32, I32], Some(I32), &[]),
        StreamGrant = 13: signature("avatar_stream_grant", &[I32, I32], Some(I32), &[]),
        StreamClose = 14: signature("avatar_stream_close", &[I32, I32], Some(I32), &[]),
        Keys = 15: signature("avatar_keys", &[I64, I32, I32], Some(I32), &[1]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(of: &[Type]) -> String {
        let names: Vec<&str> = of.iter().map(|one| if *one == I32 { "i32" } else { "i64" }).collect();
        names.join(", ")
    }

    #[test]
    fn the_functions_are_those_of_the_golden_list() {
        let line = |prefix: &str, of: &Signature| {
            format!(
                "{prefix}{} ({}) -> ({})",
                of.name,
                types(of.params),
                of.result.map_or(String::new(), |one| types(&[one]))
            )
        };
        let mut ours: Vec<String> = Export::ALL
            .iter()
            .map(|one| line("export func ", one.signature()))
            .chain(
                Import::ALL
                    .iter()
                    .map(|one| line("import func avatar_v1.", one.signature())),
            )
            .chain(["export memory memory".to_owned()])
            .collect();
        ours.sort();
        let golden: Vec<&str> = include_str!("../../../proto/boundary.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        assert_eq!(ours, golden);
    }

    #[test]
    fn numbers_lead_back_to_their_functions() {
        for one in Export::ALL {
            assert_eq!(Export::from_number(*one as u8), Some(*one));
        }
        for one in Import::ALL {
            assert_eq!(Import::from_number(*one as u8), Some(*one));
        }
        assert_eq!(Import::from_number(16), None);
    }
}
