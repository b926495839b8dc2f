package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// AbiStatus, negated, as ABI functions return it.
const (
	ok          int32 = 0
	invalid     int32 = -1
	badBuffer   int32 = -2
	unsupported int32 = -3
	limit       int32 = -4
	notFound    int32 = -6
)

const (
	maxBuffer = 16 << 20
	maxOps    = 1_024
)

type completion struct {
	op         uint64
	status     int32
	head, body []byte
}

// An instance is one life of the guest.
type instance struct {
	guest   api.Module
	started time.Time
	pending map[uint64]bool
	done    []completion
	dead    bool
}

func newInstance(h *host) (*instance, error) {
	guest, err := h.runtime.InstantiateModule(context.Background(), h.module, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, err
	}
	return &instance{guest: guest, started: time.Now(), pending: map[uint64]bool{}}, nil
}

func (i *instance) drop() {
	i.dead = true
	i.guest.Close(context.Background())
}

func (i *instance) call(export string, arguments ...uint64) (uint64, error) {
	results, err := i.guest.ExportedFunction(export).Call(context.Background(), arguments...)
	if err != nil {
		return 0, err
	}
	return results[0], nil
}

// Puts bytes into a buffer of yuan_alloc. The memory is looked up for each access, since any call may have grown it (H2).
func (i *instance) alloc(bytes []byte) (ptr uint64, given bool, err error) {
	if len(bytes) == 0 {
		return 0, true, nil
	}
	ptr, err = i.call("yuan_alloc", uint64(len(bytes)))
	if err == nil && ptr != 0 && !i.guest.Memory().Write(uint32(ptr), bytes) {
		err = fmt.Errorf("yuan_alloc gave %d bytes at %d, outside of the memory", len(bytes), ptr)
	}
	return ptr, ptr != 0, err
}

// Calls an export whose last arguments are a buffer.
func (i *instance) give(export string, arguments []uint64, bytes []byte) (int32, error) {
	ptr, given, err := i.alloc(bytes)
	if err != nil {
		return 0, err
	}
	if !given {
		return limit, nil
	}
	status, err := i.call(export, append(arguments, ptr, uint64(len(bytes)))...)
	return int32(status), err
}

func (i *instance) turn() (int64, error) {
	wait, err := i.call("yuan_turn", turnBudgetUs)
	return int64(wait), err
}

func (i *instance) hasWork() bool { return len(i.done) > 0 }

// Tells the guest the results of its operations: each once (H14), in a later turn than their calls.
func (i *instance) completeAll() error {
	for _, each := range i.done {
		delete(i.pending, each.op)
		head, givenHead, err := i.alloc(each.head)
		if err != nil {
			return err
		}
		body, givenBody, err := i.alloc(each.body)
		if err != nil {
			return err
		}
		status, headLen, bodyLen := each.status, len(each.head), len(each.body)
		if !givenHead || !givenBody { // a guest without room gets the status alone
			status, head, headLen, body, bodyLen = limit, 0, 0, 0, 0
		}
		if _, err := i.call("yuan_complete", each.op, uint64(uint32(status)), head, uint64(headLen), body, uint64(bodyLen)); err != nil {
			return err
		}
	}
	i.done = i.done[:0]
	return nil
}

// A copy of a lent buffer (H3), if it lies inside the memory (H4).
func lent(guest api.Module, ptr, length uint32) ([]byte, int32) {
	if length == 0 && ptr <= guest.Memory().Size() {
		return nil, ok
	}
	view, inside := guest.Memory().Read(ptr, length)
	if !inside {
		return nil, badBuffer
	}
	if length > maxBuffer {
		return nil, limit
	}
	return append([]byte(nil), view...), ok
}

func lentTwo(guest api.Module, ptr1, len1, ptr2, len2 uint32) (first, second []byte, status int32) {
	if first, status = lent(guest, ptr1, len1); status != ok {
		return
	}
	second, status = lent(guest, ptr2, len2)
	return
}

func logLine(level int32, guest api.Module, ptr, length uint32) {
	if text, status := lent(guest, ptr, length); status == ok && level <= 2 {
		fmt.Fprintln(os.Stderr, strings.ToValidUTF8(string(text), "\uFFFD"))
	}
}

// Links every function of ABI.md §5 to §7; what this host lacks returns UNSUPPORTED (H20).
func (h *host) linkImports(ctx context.Context) error {
	type m = api.Module
	imports := map[string]any{
		"avatar_log":                func(_ context.Context, guest m, level int32, ptr, length uint32) { logLine(level, guest, ptr, length) },
		"avatar_panic":              func(_ context.Context, guest m, ptr, length uint32) { logLine(1, guest, ptr, length) },
		"avatar_clock_unix_us":      func() int64 { return time.Now().UnixMicro() },
		"avatar_clock_monotonic_us": func() int64 { return time.Since(processStart).Microseconds() },
		"avatar_random": func(_ context.Context, guest m, ptr, length uint32) int32 {
			view, inside := guest.Memory().Read(ptr, length)
			if !inside && length > 0 {
				return badBuffer
			}
			rand.Read(view) // never fails, whatever the length (H13)
			return ok
		},
		"avatar_respond": func(_ context.Context, guest m, req int64, flags int32, headPtr, headLen, bodyPtr, bodyLen uint32) int32 {
			head, body, status := lentTwo(guest, headPtr, headLen, bodyPtr, bodyLen)
			if status != ok {
				return status
			}
			if flags != 1 && flags != 2 {
				return invalid
			}
			return h.respond(req, flags == 2, head, body)
		},
		"avatar_emit": func(_ context.Context, guest m, topic int32, ptr, length uint32) int32 {
			if _, status := lent(guest, ptr, length); status != ok {
				return status
			}
			if topic != 1 {
				return unsupported
			}
			return ok // nobody listens
		},
		"avatar_storage": func(_ context.Context, guest m, op uint64, headPtr, headLen, bodyPtr, bodyLen uint32) int32 {
			head, body, status := lentTwo(guest, headPtr, headLen, bodyPtr, bodyLen)
			if status != ok {
				return status
			}
			return h.storage(op, head, body)
		},
		"avatar_net_request": func(_ int64, _, _, _, _ uint32) int32 { return unsupported },
		"avatar_infer":       func(_ int64, _, _, _, _ uint32) int32 { return unsupported },
		"avatar_p2p":         func(_ int64, _, _ uint32) int32 { return unsupported },
		"avatar_keys":        func(_ int64, _, _ uint32) int32 { return unsupported },
		"avatar_cancel": func(op uint64) int32 {
			if !h.instance.pending[op] {
				return notFound
			}
			return ok // a batch that was accepted is done already: its true result follows
		},
		"avatar_stream_write": func(_ int32, _, _ uint32) int32 { return unsupported },
		"avatar_stream_grant": func(_, _ int32) int32 { return unsupported },
		"avatar_stream_close": func(_, _ int32) int32 { return unsupported },
	}
	builder := h.runtime.NewHostModuleBuilder("avatar_v1")
	for name, function := range imports {
		builder = builder.NewFunctionBuilder().WithFunc(function).Export(name)
	}
	_, err := builder.Instantiate(ctx)
	return err
}

// The clock of all instances: it never goes back (H12).
var processStart = time.Now()

// Accepts a batch, which takes effect at once and therefore in order (H15); its completion waits for the next turn.
func (h *host) storage(op uint64, head, body []byte) int32 {
	i := h.instance
	if op == 0 || i.dead || i.pending[op] {
		return invalid
	}
	if len(i.pending) >= maxOps {
		return limit // H16
	}
	ops, valid := decodeBatch(head, body)
	if !valid {
		return invalid
	}
	i.pending[op] = true
	status, resultHead, resultBody := h.store.run(ops)
	i.done = append(i.done, completion{op, status, resultHead, resultBody})
	return ok
}
