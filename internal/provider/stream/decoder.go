package stream

import (
	"errors"
	"io"
)

// Decoder reads one response, value by value. It is not safe for concurrent use. A value that a callback of Object or Array does not read
// is skipped. Errors of the reader are returned as they are; input that ends within a value is io.ErrUnexpectedEOF.
type Decoder struct {
	in       io.Reader
	buffer   []byte
	at, end  int
	failed   error
	limits   Limits
	depth    int
	kept     int64
	unread   bool // the present value was not read yet
	arrays   bits // whether each of the open values that are skipped is an array
	scratch  []byte
	interned map[string]string
	plans    plans
}

// New decodes what a reader returns.
func New(in io.Reader, limits Limits) *Decoder {
	if limits.Memory <= 0 {
		limits.Memory = defaultMemory
	}
	if limits.Depth <= 0 {
		limits.Depth = DefaultDepth
	}
	return &Decoder{in: in, limits: limits, buffer: make([]byte, bufferBytes)}
}

// Kind of a value.
type Kind byte

// Kinds of values.
const (
	Object Kind = '{'
	Array  Kind = '['
	String Kind = '"'
	Number Kind = '0'
	Bool   Kind = 't'
	Null   Kind = 'n'
)

// More reports whether another value follows, in a response that is a sequence of values.
func (d *Decoder) More() (bool, error) {
	_, err := d.peek()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return err == nil, err
}

// Kind of the value that comes next. It is not read.
func (d *Decoder) Kind() (Kind, error) {
	c, err := d.peek()
	switch {
	case err != nil:
		return 0, err
	case c == '{', c == '[', c == '"', c == 'n', c == 't':
		return Kind(c), nil
	case c == 'f':
		return Bool, nil
	case c == '-', c >= '0' && c <= '9':
		return Number, nil
	}
	return 0, ErrSyntax
}

// fill the buffer with what follows the bytes that were not read yet, at least one more byte.
func (d *Decoder) fill() error {
	if d.failed != nil {
		return d.failed
	}
	if d.at > 0 {
		copy(d.buffer, d.buffer[d.at:d.end])
		d.end -= d.at
		d.at = 0
	}
	const tries = 100 // of a reader that returns nothing
	for range tries {
		n, err := d.in.Read(d.buffer[d.end:])
		d.end += n
		if err != nil {
			d.failed = err
		}
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	d.failed = io.ErrNoProgress
	return d.failed
}

// ensure that some bytes are in the buffer, fewer than it has room for.
func (d *Decoder) ensure(n int) error {
	for d.end-d.at < n {
		if err := d.fill(); err != nil {
			return unexpected(err)
		}
	}
	return nil
}

// peek at the next byte that is no white space. At the end of the input it is io.EOF, within a value io.ErrUnexpectedEOF.
func (d *Decoder) peek() (byte, error) {
	if d.at < d.end && d.buffer[d.at] > ' ' {
		return d.buffer[d.at], nil
	}
	return d.peekFar()
}

func (d *Decoder) peekFar() (byte, error) {
	for {
		for d.at < d.end {
			switch c := d.buffer[d.at]; c {
			case ' ', '\n', '\t', '\r':
				d.at++
			default:
				return c, nil
			}
		}
		if err := d.fill(); err != nil {
			if d.depth > 0 {
				err = unexpected(err)
			}
			return 0, err
		}
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// open an object or array. Null is read and has no content.
func (d *Decoder) open(delimiter byte) (null bool, err error) {
	c, err := d.peek()
	if err != nil {
		return false, err
	}
	d.unread = false
	if c == 'n' {
		return true, d.word("null")
	}
	if c != delimiter {
		return false, shape(c)
	}
	d.at++
	return false, d.enter()
}

// shape is the error of a value of another kind than expected.
func shape(c byte) error {
	switch c {
	case '{', '[', '"', 't', 'f', 'n', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return ErrShape
	}
	return ErrSyntax
}

func (d *Decoder) enter() error {
	if d.depth++; d.depth > d.limits.Depth {
		return &LimitError{Limit: LimitDepth, Max: int64(d.limits.Depth)}
	}
	return nil
}

// next reports whether an object or array has another member, after some that were read, and reads the comma or the end.
func (d *Decoder) next(closing byte, read int) (bool, error) {
	c, err := d.peek()
	switch {
	case err != nil:
		return false, err
	case c == closing:
		d.at++
		d.depth--
		return false, nil
	case read == 0:
		return true, nil
	case c != ',':
		return false, ErrSyntax
	}
	d.at++
	return true, nil
}

// BeginArray reads the beginning of an array. Null is an array without elements: nothing more must be read then.
func (d *Decoder) BeginArray() (null bool, err error) { return d.open('[') }

// NextElement reports whether the array has another element after those that were read, which must be read next.
func (d *Decoder) NextElement(read int) (bool, error) {
	more, err := d.next(']', read)
	d.unread = more
	return more, err
}

// Array calls a function for each element, which it may read.
func (d *Decoder) Array(each func() error) error {
	null, err := d.BeginArray()
	if null || err != nil {
		return err
	}
	for read := 0; ; read++ {
		more, err := d.NextElement(read)
		if !more || err != nil {
			return err
		}
		if err := each(); err != nil {
			return err
		}
		if err := d.skipUnread(); err != nil {
			return err
		}
	}
}

// Object calls a function for each field, which may read the value. The name is valid until then. Null has no fields. A name that is
// there twice is passed twice.
func (d *Decoder) Object(each func(name []byte) error) error {
	null, err := d.open('{')
	if null || err != nil {
		return err
	}
	for read := 0; ; read++ {
		more, err := d.next('}', read)
		if !more || err != nil {
			return err
		}
		name, err := d.name()
		if err != nil {
			return err
		}
		d.unread = true
		if err := each(name); err != nil {
			return err
		}
		if err := d.skipUnread(); err != nil {
			return err
		}
	}
}

func (d *Decoder) skipUnread() error {
	if !d.unread {
		return nil
	}
	return d.Skip()
}

// name of a field, with its colon.
func (d *Decoder) name() ([]byte, error) {
	if c, err := d.peek(); err != nil {
		return nil, err
	} else if c != '"' {
		return nil, ErrSyntax
	}
	name, err := d.text(maxName + 1)
	if err != nil {
		return nil, err
	}
	if len(name) > maxName {
		return nil, &LimitError{Limit: LimitName, Max: maxName}
	}
	// Looking for the colon may move the buffer that the name is in.
	d.scratch = append(d.scratch[:0], name...)
	c, err := d.peek()
	if err != nil {
		return nil, err
	}
	if c != ':' {
		return nil, ErrSyntax
	}
	d.at++
	return d.scratch, nil
}

// word reads null, true or false.
func (d *Decoder) word(want string) error {
	for i := range len(want) {
		if d.at == d.end {
			if err := d.fill(); err != nil {
				return unexpected(err)
			}
		}
		if d.buffer[d.at] != want[i] {
			return ErrSyntax
		}
		d.at++
	}
	return nil
}
