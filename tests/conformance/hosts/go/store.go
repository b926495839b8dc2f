package main

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	maxKey       = 512
	codeTooLarge = 8
)

// Which member of StorageOp it is; the numbers are the fields'.
const (
	put protowire.Number = 1 + iota
	remove
	removeRange
	get
	scan
)

type storageOp struct {
	kind            protowire.Number
	key, start, end string
	value           []byte
	limit, maxBytes uint64
	keysOnly        bool
}

// One field of a message.
type field struct {
	number protowire.Number
	bytes  []byte
	varint uint64
}

// The fields of a message; false when the bytes are none.
func parse(message []byte) (fields []field, valid bool) {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil, false
		}
		message = message[n:]
		next := field{number: number}
		switch kind {
		case protowire.BytesType:
			next.bytes, n = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			next.varint, n = protowire.ConsumeVarint(message)
		default:
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return nil, false
		}
		fields, message = append(fields, next), message[n:]
	}
	return fields, true
}

// Reads a StorageBatch, whose values stand one after another in the body (H16).
func decodeBatch(head, body []byte) (ops []storageOp, valid bool) {
	batch, valid := parse(head)
	for _, member := range batch {
		if member.number != 1 {
			continue
		}
		fields, isMessage := parse(member.bytes)
		if !isMessage || len(fields) == 0 {
			return nil, false
		}
		op, valueLen, isOp := decodeOp(fields[len(fields)-1])
		if !isOp || valueLen > uint64(len(body)) {
			return nil, false
		}
		op.value, body = body[:valueLen], body[valueLen:]
		ops = append(ops, op)
	}
	return ops, valid && len(body) == 0
}

func decodeOp(member field) (op storageOp, valueLen uint64, valid bool) {
	op.kind = member.number
	if op.kind == remove || op.kind == get {
		op.key = string(member.bytes)
		return op, 0, len(op.key) >= 1 && len(op.key) <= maxKey
	}
	fields, valid := parse(member.bytes)
	bounds := fields
	for _, each := range fields {
		switch {
		case op.kind == put && each.number == 1:
			op.key = string(each.bytes)
		case op.kind == put && each.number == 2:
			valueLen = each.varint
		case op.kind == scan && each.number == 1:
			var isRange bool
			bounds, isRange = parse(each.bytes)
			valid = valid && isRange
		case op.kind == scan && each.number == 2:
			op.limit = each.varint
		case op.kind == scan && each.number == 3:
			op.maxBytes = each.varint
		case op.kind == scan && each.number == 4:
			op.keysOnly = each.varint != 0
		}
	}
	if op.kind == put {
		return op, valueLen, valid && len(op.key) >= 1 && len(op.key) <= maxKey
	}
	for _, bound := range bounds {
		if bound.number == 1 {
			op.start = string(bound.bytes)
		} else if bound.number == 2 {
			op.end = string(bound.bytes)
		}
	}
	// "Go on from the last key + 0x00" is one byte longer than a key.
	return op, 0, valid && (op.kind == removeRange || op.kind == scan) && max(len(op.start), len(op.end)) <= maxKey+1
}

// A store is an ordered map that outlives instances.
type store map[string][]byte

// Runs a batch: all of it, or nothing and an error (H15).
func (s *store) run(ops []storageOp) (status int32, head, body []byte) {
	before := maps.Clone(*s)
	for _, op := range ops {
		switch op.kind {
		case put:
			(*s)[op.key] = op.value
		case remove:
			delete(*s, op.key)
		case removeRange:
			for _, key := range s.keys(op.start, op.end) {
				delete(*s, key)
			}
		case get, scan:
			var entry []byte
			entry, body = s.read(op, body)
			head = protowire.AppendBytes(protowire.AppendTag(head, 1, protowire.BytesType), entry)
		}
	}
	if len(body) > maxBuffer || len(head) > maxBuffer {
		*s = before
		return limit, protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), codeTooLarge), nil
	}
	return ok, head, body
}

func (s *store) keys(start, end string) (found []string) {
	for key := range *s {
		if key >= start && (end == "" || key < end) {
			found = append(found, key)
		}
	}
	slices.Sort(found) // Go compares strings bytewise
	return found
}

// A StorageRead, and the body with its values behind.
func (s *store) read(op storageOp, body []byte) (message, longer []byte) {
	keys := s.keys(op.start, op.end)
	if op.kind == get {
		keys = nil
		if _, found := (*s)[op.key]; found {
			keys = []string{op.key}
		}
	}
	if op.maxBytes == 0 {
		op.maxBytes = maxBuffer
	}
	var lens []byte
	first := len(body)
	for n, key := range keys {
		value := (*s)[key]
		full := op.kind == scan && !op.keysOnly && n > 0 && uint64(len(body)-first+len(value)) > op.maxBytes
		if full || (op.limit > 0 && uint64(n) == op.limit) {
			message = protowire.AppendVarint(protowire.AppendTag(message, 3, protowire.VarintType), 1) // more
			break
		}
		message = protowire.AppendString(protowire.AppendTag(message, 1, protowire.BytesType), key)
		if !op.keysOnly {
			lens, body = protowire.AppendVarint(lens, uint64(len(value))), append(body, value...)
		}
	}
	if len(lens) > 0 {
		message = protowire.AppendBytes(protowire.AppendTag(message, 2, protowire.BytesType), lens)
	}
	return message, body
}
