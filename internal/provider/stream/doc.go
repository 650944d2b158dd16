// Package stream decodes JSON of servers that are not trusted, while it arrives. Memory is bounded whatever the JSON looks like: the
// decoder has a fixed buffer, reads only what its caller asks for, skips the rest without keeping it, clips strings as they are read, and
// counts what is kept against Limits. encoding/json buffers whole values first, which for a value of 32 MiB needs up to 96 MiB before
// anything is decoded, and turns a response of empty objects into a multiple of its size.
package stream

import (
	"errors"
	"fmt"
)

// Limits of one response.
type Limits struct {
	// Memory that the decoded values take, in bytes. Default 2 MiB.
	Memory int64
	// Depth is how many objects and arrays may be nested. Default DefaultDepth.
	Depth int
}

// Unlimited is the length of a string that only Limits.Memory bounds.
const Unlimited = 1 << 40

// DefaultDepth of objects and arrays. Elasticsearch maps at most 20 levels (index.mapping.depth.limit).
const DefaultDepth = 128

const (
	defaultMemory = 2 << 20
	bufferBytes   = 16 << 10
	// maxName of a field that is looked at, and maxNumber of a number that is kept, in bytes.
	maxName   = 64 << 10
	maxNumber = 1 << 10
	// maxInterned texts of a response that are shared, and maxInternedBytes of one.
	maxInterned      = 4096
	maxInternedBytes = 256
)

// ErrSyntax is input that is not JSON, and ErrShape is JSON of another shape than the caller expects. Neither quotes the input, which may
// contain anything.
var (
	ErrSyntax = errors.New("not valid JSON")
	ErrShape  = errors.New("JSON of another shape")
)

// LimitError is a response over one of the Limits.
type LimitError struct {
	// Limit that was exceeded: memory, depth, name, or what a caller counts, such as "labels of a series".
	Limit string
	// Max is the limit, in bytes, levels or elements.
	Max int64
}

// Names of limits.
const (
	LimitMemory = "memory"
	LimitDepth  = "depth"
	LimitName   = "name"
)

// Error describes the limit.
func (e *LimitError) Error() string {
	switch e.Limit {
	case LimitDepth:
		return fmt.Sprintf("more than %d nested objects and arrays", e.Max)
	case LimitName:
		return fmt.Sprintf("a field name of more than %d bytes", e.Max)
	case LimitMemory:
		return fmt.Sprintf("the decoded values need more than %d bytes of memory", e.Max)
	}
	return fmt.Sprintf("more than %d %s", e.Max, e.Limit)
}
