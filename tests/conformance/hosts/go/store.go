package main

import (
	"sort"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	maxKey       = 512
	codeTooLarge = 8
)

// Which member of StorageOp it is; the numbers are the fields'.
const (
	put = 1 + iota
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

type read struct {
	keys   []string
	values [][]byte
	more   bool
}

// A store is an ordered map that outlives instances.
type store struct{ records map[string][]byte }

func newStore() *store { return &store{map[string][]byte{}} }

// Calls `field` for each field of a message; false when the bytes are none.
func fields(message []byte, field func(number protowire.Number, bytes []byte, varint uint64) bool) bool {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return false
		}
		message = message[n:]
		var bytes []byte
		var varint uint64
		switch kind {
		case protowire.BytesType:
			bytes, n = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			varint, n = protowire.ConsumeVarint(message)
		default:
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 || !field(number, bytes, varint) {
			return false
		}
		message = message[n:]
	}
	return true
}

func validKey(key []byte) bool { return len(key) >= 1 && len(key) <= maxKey }

// Reads a StorageBatch, whose values stand one after another in the body (H16).
func decodeBatch(head, body []byte) (ops []storageOp, valid bool) {
	valid = fields(head, func(number protowire.Number, bytes []byte, _ uint64) bool {
		if number != 1 {
			return true
		}
		var op storageOp
		var valueLen uint64
		wellFormed := fields(bytes, func(kind protowire.Number, bytes []byte, _ uint64) bool {
			op.kind = kind
			switch kind {
			case put:
				return fields(bytes, func(number protowire.Number, bytes []byte, varint uint64) bool {
					if number == 1 {
						op.key = string(bytes)
					} else {
						valueLen = varint
					}
					return true
				}) && validKey([]byte(op.key))
			case remove, get:
				op.key = string(bytes)
				return validKey(bytes)
			case removeRange:
				return op.readRange(bytes)
			case scan:
				return op.readScan(bytes)
			}
			return false
		})
		if !wellFormed || op.kind == 0 || valueLen > uint64(len(body)) {
			return false
		}
		op.value, body = body[:valueLen], body[valueLen:]
		ops = append(ops, op)
		return true
	})
	return ops, valid && len(body) == 0
}

func (op *storageOp) readRange(message []byte) bool {
	return fields(message, func(number protowire.Number, bytes []byte, _ uint64) bool {
		if number == 1 {
			op.start = string(bytes)
		} else {
			op.end = string(bytes)
		}
		return len(bytes) <= maxKey+1
	})
}

func (op *storageOp) readScan(message []byte) bool {
	return fields(message, func(number protowire.Number, bytes []byte, varint uint64) bool {
		switch number {
		case 1:
			return op.readRange(bytes)
		case 2:
			op.limit = varint
		case 3:
			op.maxBytes = varint
		case 4:
			op.keysOnly = varint != 0
		}
		return true
	})
}

// Runs a batch: all of it, or nothing and an error (H15).
func (s *store) run(ops []storageOp) (status int32, head, body []byte) {
	before := make(map[string][]byte, len(s.records))
	for key, value := range s.records {
		before[key] = value
	}
	for _, op := range ops {
		switch op.kind {
		case put:
			s.records[op.key] = op.value
		case remove:
			delete(s.records, op.key)
		case removeRange:
			for _, key := range s.keys(op.start, op.end) {
				delete(s.records, key)
			}
		case get, scan:
			var entry []byte
			entry, body = encodeRead(s.read(op), body)
			head = protowire.AppendBytes(protowire.AppendTag(head, 1, protowire.BytesType), entry)
		}
	}
	if len(body) > maxBuffer || len(head) > maxBuffer {
		s.records = before
		return limit, protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), codeTooLarge), nil
	}
	return ok, head, body
}

func (s *store) keys(start, end string) (found []string) {
	for key := range s.records {
		if key >= start && (end == "" || key < end) {
			found = append(found, key)
		}
	}
	sort.Strings(found) // Go compares strings bytewise
	return found
}

func (s *store) read(op storageOp) (found read) {
	if op.kind == get {
		if value, there := s.records[op.key]; there {
			found = read{[]string{op.key}, [][]byte{value}, false}
		}
		return found
	}
	maxBytes, bytes := op.maxBytes, uint64(0)
	if maxBytes == 0 {
		maxBytes = maxBuffer
	}
	for _, key := range s.keys(op.start, op.end) {
		value := s.records[key]
		full := !op.keysOnly && len(found.keys) > 0 && bytes+uint64(len(value)) > maxBytes
		if full || (op.limit > 0 && uint64(len(found.keys)) == op.limit) {
			found.more = true
			return found
		}
		found.keys = append(found.keys, key)
		if !op.keysOnly {
			found.values, bytes = append(found.values, value), bytes+uint64(len(value))
		}
	}
	return found
}

// A StorageRead, and the body with its values behind.
func encodeRead(found read, body []byte) (message, longer []byte) {
	var lens []byte
	for _, key := range found.keys {
		message = protowire.AppendString(protowire.AppendTag(message, 1, protowire.BytesType), key)
	}
	for _, value := range found.values {
		lens = protowire.AppendVarint(lens, uint64(len(value)))
		body = append(body, value...)
	}
	if len(lens) > 0 {
		message = protowire.AppendBytes(protowire.AppendTag(message, 2, protowire.BytesType), lens)
	}
	if found.more {
		message = protowire.AppendVarint(protowire.AppendTag(message, 3, protowire.VarintType), 1)
	}
	return message, body
}
