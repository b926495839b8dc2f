;; A guest without logic of its own: a request is a command (first byte), and what the host tells is passed on to the request that opened the console.
;; The probe is where a test puts calls of its own; the global "return" is what yuan_turn returns when nothing else is said.
(module
  (import "avatar_v1" "avatar_log" (func $log (param i32 i32 i32)))
  (import "avatar_v1" "avatar_panic" (func $panic (param i32 i32)))
  (import "avatar_v1" "avatar_clock_unix_us" (func $unix_us (result i64)))
  (import "avatar_v1" "avatar_clock_monotonic_us" (func $monotonic_us (result i64)))
  (import "avatar_v1" "avatar_random" (func $random (param i32 i32) (result i32)))
  (import "avatar_v1" "avatar_respond" (func $respond (param i64 i32 i32 i32 i32 i32) (result i32)))
  (import "avatar_v1" "avatar_emit" (func $emit (param i32 i32 i32) (result i32)))
  (import "avatar_v1" "avatar_storage" (func $storage (param i64 i32 i32 i32 i32) (result i32)))
  (import "avatar_v1" "avatar_net_request" (func $net (param i64 i32 i32 i32 i32) (result i32)))
  (import "avatar_v1" "avatar_infer" (func $infer (param i64 i32 i32 i32 i32) (result i32)))
  (import "avatar_v1" "avatar_p2p" (func $p2p (param i64 i32 i32) (result i32)))
  (import "avatar_v1" "avatar_keys" (func $keys (param i64 i32 i32) (result i32)))
  (import "avatar_v1" "avatar_cancel" (func $cancel (param i64) (result i32)))
  (import "avatar_v1" "avatar_stream_write" (func $stream_write (param i32 i32 i32) (result i32)))
  (import "avatar_v1" "avatar_stream_grant" (func $stream_grant (param i32 i32) (result i32)))
  (import "avatar_v1" "avatar_stream_close" (func $stream_close (param i32 i32) (result i32)))

  (memory (export "memory") 2)
  ;; 0..1024: data; 1024..4096: out; 4096..65536: scratch; from 65536 on: the heap.
  (data (i32.const 0) "\2a\0cdid:key:test")
  (data (i32.const 256) "a line")
  (global $heap (mut i32) (i32.const 65536))
  (global $out (mut i32) (i32.const 1024))
  (global $console (mut i64) (i64.const 0))
  (global $held (mut i64) (i64.const 0))
  (global $probing (mut i64) (i64.const 0))
  (global $trap (mut i32) (i32.const 0))
  (global $cancels (mut i32) (i32.const 0))
  (global $turns (mut i32) (i32.const 0))
  (global $return (mut i64) (i64.const $RETURN))

  (func $push (param $value i32)
    (i32.store (global.get $out) (local.get $value))
    (global.set $out (i32.add (global.get $out) (i32.const 4))))

  (func $probe $PROBE)

  (func (export "yuan_alloc") (param $len i32) (result i32)
    (local $ptr i32) (local $missing i32)
    (local.set $ptr (global.get $heap))
    (global.set $heap (i32.and (i32.add (i32.add (global.get $heap) (local.get $len)) (i32.const 15)) (i32.const -8)))
    (local.set $missing (i32.sub (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
    (if (i32.gt_s (local.get $missing) (i32.const 0))
      (then (drop (memory.grow (i32.add (i32.shr_u (local.get $missing) (i32.const 16)) (i32.const 1))))))
    (local.get $ptr))

  (func (export "yuan_init") (param $ptr i32) (param $len i32) (result i32)
    (call $respond (i64.const 0) (i32.const 2) (i32.const 0) (i32.const 14) (i32.const 0) (i32.const 0)))

  ;; Answers with one number, as the last answer.
  (func $answer (param $req i64) (param $status i32)
    (i32.store (i32.const 4096) (local.get $status))
    (drop (call $respond (local.get $req) (i32.const 2) (i32.const 4096) (i32.const 4) (i32.const 0) (i32.const 0))))

  (func (export "yuan_handle_request") (param $req i64) (param $ptr i32) (param $len i32) (result i32)
    (local $kind i32) (local $id i64) (local $n i32) (local $rest i32) (local $behind i32) (local $behind_len i32)
    (local.set $kind (i32.load8_u (local.get $ptr)))
    (local.set $id (i64.load8_u offset=1 (local.get $ptr)))
    (local.set $n (i32.load offset=2 (local.get $ptr)))
    (local.set $rest (i32.add (local.get $ptr) (i32.const 6)))
    (local.set $behind (i32.add (local.get $rest) (local.get $n)))
    (local.set $behind_len (i32.sub (i32.sub (local.get $len) (i32.const 6)) (local.get $n)))
    ;; C: open the console
    (if (i32.eq (local.get $kind) (i32.const 0x43)) (then (global.set $console (local.get $req))))
    ;; H: hold the answer until it is cancelled
    (if (i32.eq (local.get $kind) (i32.const 0x48)) (then (global.set $held (local.get $req))))
    ;; T: trap in the next turn
    (if (i32.eq (local.get $kind) (i32.const 0x54)) (then (global.set $trap (i32.const 1))))
    ;; Q: probe in the next turn
    (if (i32.eq (local.get $kind) (i32.const 0x51)) (then (global.set $probing (local.get $req))))
    ;; R: what yuan_turn returns from now on
    (if (i32.eq (local.get $kind) (i32.const 0x52)) (then
      (global.set $turns (i32.const 0))
      (global.set $return (i64.extend_i32_s (local.get $n)))
      (call $answer (local.get $req) (i32.const 0))))
    ;; U: how many turns there were
    (if (i32.eq (local.get $kind) (i32.const 0x55)) (then (call $answer (local.get $req) (global.get $turns))))
    ;; W: how many requests were cancelled
    (if (i32.eq (local.get $kind) (i32.const 0x57)) (then (call $answer (local.get $req) (global.get $cancels))))
    ;; P: the rest twice, with itself as a body the second time; then the buffer is overwritten (H3)
    (if (i32.eq (local.get $kind) (i32.const 0x50)) (then
      (drop (call $respond (local.get $req) (i32.const 1) (local.get $rest) (local.get $n) (i32.const 0) (i32.const 0)))
      (drop (call $respond (local.get $req) (i32.const 2) (local.get $rest) (local.get $n) (local.get $rest) (local.get $n)))
      (memory.fill (local.get $rest) (i32.const 0xee) (local.get $n))))
    ;; S, N: an operation; the buffer is overwritten afterwards (H3)
    (if (i32.eq (local.get $kind) (i32.const 0x53)) (then
      (call $answer (local.get $req) (call $storage (local.get $id) (local.get $rest) (local.get $n) (local.get $behind) (local.get $behind_len)))
      (memory.fill (local.get $ptr) (i32.const 0xee) (local.get $len))))
    (if (i32.eq (local.get $kind) (i32.const 0x4e)) (then
      (call $answer (local.get $req) (call $net (local.get $id) (local.get $rest) (local.get $n) (local.get $behind) (local.get $behind_len)))
      (memory.fill (local.get $ptr) (i32.const 0xee) (local.get $len))))
    ;; K: cancel an operation. G: grant. X: close a stream. E: emit
    (if (i32.eq (local.get $kind) (i32.const 0x4b)) (then (call $answer (local.get $req) (call $cancel (local.get $id)))))
    (if (i32.eq (local.get $kind) (i32.const 0x47)) (then
      (call $answer (local.get $req) (call $stream_grant (i32.wrap_i64 (local.get $id)) (local.get $n)))))
    (if (i32.eq (local.get $kind) (i32.const 0x58)) (then
      (call $answer (local.get $req) (call $stream_close (i32.wrap_i64 (local.get $id)) (local.get $n)))))
    (if (i32.eq (local.get $kind) (i32.const 0x45)) (then
      (call $answer (local.get $req) (call $emit (i32.wrap_i64 (local.get $id)) (local.get $rest) (local.get $n)))))
    (i32.const 0))

  (func (export "yuan_cancel_request") (param $req i64) (result i32)
    (global.set $cancels (i32.add (global.get $cancels) (i32.const 1)))
    (if (i64.eq (local.get $req) (global.get $held)) (then (call $answer (local.get $req) (i32.const 77)))
      (else (return (i32.const -6))))
    (i32.const 0))

  ;; To the console: 1, op, status (4 bytes), the head; the body as the body.
  (func (export "yuan_complete") (param $op i64) (param $status i32) (param $head i32) (param $head_len i32) (param $body i32) (param $body_len i32) (result i32)
    (i32.store8 (i32.const 4096) (i32.const 1))
    (i64.store8 (i32.const 4097) (local.get $op))
    (i32.store (i32.const 4098) (local.get $status))
    (memory.copy (i32.const 4102) (local.get $head) (local.get $head_len))
    (drop (call $respond (global.get $console) (i32.const 1) (i32.const 4096) (i32.add (local.get $head_len) (i32.const 6)) (local.get $body) (local.get $body_len)))
    (i32.const 0))

  ;; To the console: 2, stream, kind, argument (8 bytes); the data as the body.
  (func (export "yuan_stream_event") (param $stream i32) (param $kind i32) (param $arg i64) (param $ptr i32) (param $len i32) (result i32)
    (i32.store8 (i32.const 4096) (i32.const 2))
    (i32.store8 (i32.const 4097) (local.get $stream))
    (i32.store8 (i32.const 4098) (local.get $kind))
    (i64.store (i32.const 4099) (local.get $arg))
    (drop (call $respond (global.get $console) (i32.const 1) (i32.const 4096) (i32.const 11) (local.get $ptr) (local.get $len)))
    (i32.const 0))

  (func (export "yuan_turn") (param $budget i32) (result i64)
    (global.set $turns (i32.add (global.get $turns) (i32.const 1)))
    (if (global.get $trap) (then
      (call $panic (i32.const 256) (i32.const 6))
      (unreachable)))
    (if (i64.ne (global.get $probing) (i64.const 0)) (then
      (call $probe)
      (drop (call $respond (global.get $probing) (i32.const 2) (i32.const 1024) (i32.sub (global.get $out) (i32.const 1024)) (i32.const 0) (i32.const 0)))
      (global.set $out (i32.const 1024))
      (global.set $probing (i64.const 0))))
    (global.get $return))

  (func (export "yuan_shutdown") (param $deadline_us i64) (result i32)
    (global.set $return (i64.const -1))
    (i32.const 0))

  (@custom "avatar:abi" "\01\00\00\00\00\00")
  (@custom "avatar:build" "0123456789abcdef0123456789abcdef"))
