package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/tetratelabs/wazero"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	turnBudgetUs  = 8_000
	maxCrashes    = 10
	closePatience = 2 * time.Second
	codeInternal  = 18
	codeCrashed   = 11
	codeLimit     = 13
)

type request struct {
	id    int64
	bytes []byte
}

// A host runs one instance after another over one store. All of it runs on one goroutine: nothing can call into the guest twice.
type host struct {
	runtime  wazero.Runtime
	module   wazero.CompiledModule
	store    store
	instance *instance
	queue    []request
	inFlight map[int64]request
	lastReq  int64
	crashes  int
}

func newHost(file string) (*host, error) {
	bytes, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	// At most 16,384 pages of 64 KiB, which are 1 GiB.
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCustomSections(true).WithMemoryLimitPages(16_384))
	module, err := runtime.CompileModule(ctx, bytes)
	if err != nil {
		return nil, errors.Join(err, runtime.Close(ctx))
	}
	h := &host{runtime: runtime, module: module, store: store{}, inFlight: map[int64]request{}}
	err = checkABI(module)
	if err == nil {
		err = h.linkImports(ctx)
	}
	if err == nil {
		err = h.startInstance()
	}
	if err != nil {
		return nil, errors.Join(err, runtime.Close(ctx))
	}
	return h, nil
}

// H6: what the module says about itself is read before any of it runs.
func checkABI(module wazero.CompiledModule) error {
	for _, section := range module.CustomSections() {
		if data := section.Data(); section.Name() == "avatar:abi" && len(data) == 6 {
			major, minHostMinor := uint16(data[0])|uint16(data[1])<<8, uint16(data[4])|uint16(data[5])<<8
			if major != 1 || minHostMinor > 0 {
				return fmt.Errorf("the module speaks ABI %d and needs a host of minor version %d", major, minHostMinor)
			}
			return nil
		}
	}
	return errors.New("the module does not say which ABI it speaks")
}

func (h *host) startInstance() error {
	instance, err := newInstance(h)
	if err != nil {
		return err
	}
	h.instance = instance
	// HostHello: host (2) and capabilities (3), of which this host has STORAGE alone; limits are the defaults.
	hello := protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), "conformance-go/0.1.0")
	hello = protowire.AppendVarint(protowire.AppendTag(hello, 3, protowire.VarintType), 1)
	status, err := instance.give("yuan_init", nil, hello)
	if err == nil && status != ok {
		err = fmt.Errorf("yuan_init returned %d", status)
	}
	return err
}

// Runs until the kit stops it, starts another file (which is returned), or goes.
func (h *host) run(commands <-chan command) *string {
	defer h.runtime.Close(context.Background())
	soon := time.After(0)
	for {
		select {
		case next, open := <-commands:
			switch {
			case !open, next.Start != nil:
				return next.Start
			case next.Stop:
				h.shutDown()
				say(map[string]any{"stopped": ""})
				return nil
			case next.Request != nil:
				h.queue = append(h.queue, request{*next.Request, next.Bytes})
				soon = time.After(0)
			}
		case <-soon:
			// H9: one turn, then whatever else has come.
			wait, err := h.turn()
			if err != nil && !h.crashed(err) {
				say(map[string]any{"stopped": err.Error()})
				return nil
			}
			soon = nil
			if err != nil || wait >= 0 {
				soon = time.After(time.Duration(wait) * time.Microsecond)
			}
		}
	}
}

// What waits goes in, and the guest works. Microseconds to the next turn, or a negative number.
func (h *host) turn() (int64, error) {
	if err := h.instance.completeAll(); err != nil {
		return 0, err
	}
	for len(h.queue) > 0 {
		next := h.queue[0]
		h.queue = h.queue[1:]
		h.lastReq++
		h.inFlight[h.lastReq] = next
		status, err := h.instance.give("yuan_handle_request", []uint64{uint64(h.lastReq)}, next.bytes)
		if err != nil {
			return 0, err
		}
		if status != ok {
			delete(h.inFlight, h.lastReq)
			fail(next.id, map[int32]uint64{limit: codeLimit}[status], fmt.Sprint("the guest refused it: ", status))
		}
	}
	wait, err := h.instance.turn()
	if err == nil && h.instance.hasWork() {
		wait = 0
	}
	return wait, err
}

// H7: the dead instance is dropped, what was in flight is answered, a new one starts. False when the host gives up.
func (h *host) crashed(reason error) bool {
	fmt.Fprintln(os.Stderr, "the guest crashed:", reason)
	h.instance.drop()
	for req, each := range h.inFlight {
		fail(each.id, codeCrashed, "the guest crashed")
		delete(h.inFlight, req)
	}
	h.crashes++
	if h.crashes >= maxCrashes {
		return false
	}
	if err := h.startInstance(); err != nil {
		fmt.Fprintln(os.Stderr, "the guest does not start again:", err)
		return false
	}
	return true
}

func (h *host) shutDown() {
	deadline := time.Now().Add(closePatience)
	if _, err := h.instance.call("yuan_shutdown", uint64(closePatience.Microseconds())); err != nil {
		return
	}
	for wait := int64(0); wait >= 0 && time.Now().Before(deadline); {
		time.Sleep(time.Duration(wait) * time.Microsecond)
		var err error
		if wait, err = h.turn(); err != nil {
			return
		}
	}
}

// H11: answers go out as they come; after the last one there is nobody to answer.
func (h *host) respond(req int64, fin bool, head, body []byte) int32 {
	if req == 0 {
		return ok // the guest's greeting
	}
	asked, found := h.inFlight[req]
	if !found {
		return notFound
	}
	if fin {
		delete(h.inFlight, req)
	}
	say(map[string]any{"response": asked.id, "more": !fin, "head": head, "body": body})
	return ok
}

// Answers with an AppError of the host's own: Response.error (1) with its code (1) and message (2).
func fail(id int64, code uint64, message string) {
	if code == 0 {
		code = codeInternal
	}
	fields := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), code)
	fields = protowire.AppendString(protowire.AppendTag(fields, 2, protowire.BytesType), message)
	head := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), fields)
	say(map[string]any{"response": id, "more": false, "head": head, "body": []byte{}})
}
