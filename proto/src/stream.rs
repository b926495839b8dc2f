//! The numbers of `yuan_stream_event` and `avatar_stream_close` (ABI.md §7), for both sides of the boundary.

/// Kinds of events of a stream.
pub mod stream_event {
    /// Open, with the first credit.
    pub const OPENED: i32 = 1;
    /// Bytes, at most as many as were granted.
    pub const DATA: i32 = 2;
    /// The other side writes no more.
    pub const FIN: i32 = 3;
    /// The stream is dead.
    pub const RESET: i32 = 4;
    /// Further credit.
    pub const WRITABLE: i32 = 5;
    /// A peer has opened it; with the first credit.
    pub const INBOUND: i32 = 6;
}

/// Ways to close a stream.
pub mod stream_close {
    /// Nothing more is written.
    pub const FINISH_WRITING: i32 = 1;
    /// Nothing more is wanted.
    pub const STOP_READING: i32 = 2;
    /// The stream is dead, both ways.
    pub const RESET: i32 = 3;
}
