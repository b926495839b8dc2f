# Sets a shell up for cargo by hand, as the scripts do it for themselves:  source scripts/env.sh [root|meta-unit]
#
# Without an argument the Cargo workspace is the one of the current folder. Sets AVATAR_CACHE, CARGO_TARGET_DIR, AVATAR_WASM_TOOLCHAIN ("" = rustup's default
# toolchain has the wasm target) and puts the pinned tools on PATH. Run `node scripts/setup.mjs` once before.
_avatar_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export AVATAR_CACHE="${AVATAR_CACHE:-$HOME/.cache/avatar}"
case "${1:-$PWD/}" in
  meta-unit | "$_avatar_root"/meta-unit/*) export CARGO_TARGET_DIR="$AVATAR_CACHE/target/meta-unit" ;;
  *) export CARGO_TARGET_DIR="$AVATAR_CACHE/target/root" ;;
esac
AVATAR_WASM_TOOLCHAIN="$(cat "$AVATAR_CACHE/wasm-toolchain" 2>/dev/null)"
export AVATAR_WASM_TOOLCHAIN
case ":$PATH:" in
  *":$AVATAR_CACHE/tools/bin:"*) ;;
  *) export PATH="$AVATAR_CACHE/tools/bin:$PATH" ;;
esac
unset _avatar_root
