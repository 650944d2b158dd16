package stream

import (
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Bytes reads a string: at most max bytes of it that end at a whole character, invalid UTF-8 replaced as encoding/json does. The rest is
// read and dropped. The result is valid until the next call. Null is an empty string.
func (d *Decoder) Bytes(max int) ([]byte, error) {
	c, err := d.peek()
	if err != nil {
		return nil, err
	}
	d.unread = false
	switch c {
	case '"':
		return d.text(max)
	case 'n':
		return nil, d.word("null")
	}
	return nil, shape(c)
}

// Text is Bytes as a string that is kept. One that does not fit into what is left of Limits.Memory is a LimitError.
func (d *Decoder) Text(max int) (string, error) {
	text, err := d.Bytes(int(min(int64(max), d.limits.Memory-d.kept+1)))
	if err != nil || len(text) == 0 {
		return "", err
	}
	return string(text), d.KeepText(len(text))
}

// Scalar reads a string, number or boolean as text, like Bytes. Of an array it is the first element that is one, arrays and objects within
// it left out. There is none in objects and null.
func (d *Decoder) Scalar(max int) (text []byte, is bool, err error) {
	kind, err := d.Kind()
	if err != nil {
		return nil, false, err
	}
	if kind != Array {
		return d.plain(kind, max)
	}
	err = d.Array(func() error {
		kind, err := d.Kind()
		if err != nil || is || kind == Array {
			return err
		}
		var element []byte
		if element, is, err = d.plain(kind, max); is {
			text = slices.Clone(element) // the elements that follow are read into the same buffer
		}
		return err
	})
	return text, is, err
}

func (d *Decoder) plain(kind Kind, max int) (text []byte, is bool, err error) {
	switch kind {
	case String:
		text, err = d.Bytes(max)
		return text, err == nil, err
	case Number:
		text, err = d.Number()
		return text[:min(len(text), max)], err == nil, err
	case Bool:
		value, err := d.Bool()
		return strconv.AppendBool(d.scratch[:0], value), err == nil, err
	default:
		return nil, false, d.Skip()
	}
}

// Bool reads a boolean.
func (d *Decoder) Bool() (bool, error) {
	c, err := d.peek()
	if err != nil {
		return false, err
	}
	d.unread = false
	switch c {
	case 't':
		return true, d.word("true")
	case 'f':
		return false, d.word("false")
	}
	return false, shape(c)
}

// Number reads a number as it is written, at most 1,024 bytes of it. The result is valid until the next call.
func (d *Decoder) Number() ([]byte, error) {
	c, err := d.peek()
	if err != nil {
		return nil, err
	}
	d.unread = false
	if c != '-' && (c < '0' || c > '9') {
		return nil, shape(c)
	}
	d.scratch = d.scratch[:0]
	err = d.number(true)
	return d.scratch, err
}

// Int64 reads a whole number without fraction and exponent.
func (d *Decoder) Int64() (int64, error) {
	literal, err := d.Number()
	if err != nil {
		return 0, err
	}
	value, err := strconv.ParseInt(string(literal), 10, 64)
	if err != nil {
		return 0, ErrShape
	}
	return value, nil
}

// Float64 reads a number. One that is too large is infinite.
func (d *Decoder) Float64() (float64, error) {
	literal, err := d.Number()
	if err != nil {
		return 0, err
	}
	return ParseFloat(literal)
}

// ParseFloat parses a number. One that is too large is infinite. Its error does not quote the text.
func ParseFloat(text []byte) (float64, error) {
	value, err := strconv.ParseFloat(string(text), 64)
	if err != nil && !math.IsInf(value, 0) {
		return 0, ErrShape
	}
	return value, nil
}

// number reads a number and appends its beginning to the scratch buffer. The end of the input may end it.
func (d *Decoder) number(keep bool) error {
	if d.byteIs('-') {
		d.accept(keep)
	}
	switch {
	case d.byteIs('0'):
		d.accept(keep)
	case d.digits(keep) == 0:
		return d.syntax()
	}
	if d.byteIs('.') {
		d.accept(keep)
		if d.digits(keep) == 0 {
			return d.syntax()
		}
	}
	if d.byteIs('e') || d.byteIs('E') {
		d.accept(keep)
		if d.byteIs('+') || d.byteIs('-') {
			d.accept(keep)
		}
		if d.digits(keep) == 0 {
			return d.syntax()
		}
	}
	if d.at == d.end && d.failed != nil && !errors.Is(d.failed, io.EOF) {
		return d.failed // more digits may have followed
	}
	return nil
}

// syntax is the error of a number that lacks a digit.
func (d *Decoder) syntax() error {
	if d.at == d.end && d.failed != nil {
		return unexpected(d.failed)
	}
	return ErrSyntax
}

// byteIs reports whether a byte comes next. At the end of the input none does.
func (d *Decoder) byteIs(c byte) bool {
	return (d.at < d.end || d.fill() == nil) && d.buffer[d.at] == c
}

// accept the next byte.
func (d *Decoder) accept(keep bool) {
	if keep && len(d.scratch) < maxNumber {
		d.scratch = append(d.scratch, d.buffer[d.at])
	}
	d.at++
}

// digits reads as many as there are.
func (d *Decoder) digits(keep bool) (n int) {
	for ; d.at < d.end || d.fill() == nil; n++ {
		if c := d.buffer[d.at]; c < '0' || c > '9' {
			return n
		}
		d.accept(keep)
	}
	return n
}

// text reads a string whose opening quote comes next.
func (d *Decoder) text(max int) ([]byte, error) {
	d.at++
	ascii := true
	for i := d.at; i < d.end; i++ {
		c := d.buffer[i]
		if c == '"' {
			text := d.buffer[d.at:i]
			if !ascii && !utf8.Valid(text) {
				break
			}
			d.at = i + 1
			return clip(text, max), nil
		}
		if c < ' ' || c == '\\' {
			break
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	return d.longText(max)
}

// longText reads a string that is not in the buffer as a whole, or is not there as it is meant.
func (d *Decoder) longText(max int) ([]byte, error) {
	d.scratch = d.scratch[:0]
	enough := min(max, Unlimited) + utf8.UTFMax // shows whether the last character is whole
	for {
		if d.at == d.end {
			if err := d.fill(); err != nil {
				return nil, unexpected(err)
			}
		}
		from := d.at
		for d.at < d.end && d.buffer[d.at] >= ' ' && d.buffer[d.at] != '"' && d.buffer[d.at] != '\\' {
			d.at++
		}
		if room := enough - len(d.scratch); room > 0 {
			d.scratch = append(d.scratch, d.buffer[from:min(d.at, from+room)]...)
		}
		if d.at == d.end {
			continue
		}
		switch d.buffer[d.at] {
		case '"':
			d.at++
			if !utf8.Valid(d.scratch) {
				d.scratch = validUTF8(d.scratch, min(max, Unlimited))
			}
			return clip(d.scratch, max), nil
		case '\\':
			r, err := d.escape()
			if err != nil {
				return nil, err
			}
			if len(d.scratch) < enough {
				d.scratch = utf8.AppendRune(d.scratch, r)
			}
		default:
			return nil, ErrSyntax
		}
	}
}

// escape reads a backslash and what it stands for.
func (d *Decoder) escape() (rune, error) {
	if err := d.ensure(2); err != nil {
		return 0, err
	}
	c := d.buffer[d.at+1]
	if c != 'u' {
		d.at += 2
		switch c {
		case '"', '\\', '/':
			return rune(c), nil
		case 'b':
			return '\b', nil
		case 'f':
			return '\f', nil
		case 'n':
			return '\n', nil
		case 'r':
			return '\r', nil
		case 't':
			return '\t', nil
		}
		return 0, ErrSyntax
	}
	r, err := d.unit()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	// The other half may follow. A string that ends here, or is cut off, has none.
	if err := d.ensure(2); err != nil {
		return 0, err
	}
	if d.buffer[d.at] != '\\' || d.buffer[d.at+1] != 'u' {
		return utf8.RuneError, nil
	}
	if err := d.ensure(6); err != nil {
		return 0, err
	}
	at := d.at
	low, err := d.unit()
	if err != nil {
		return 0, err
	}
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		d.at = at // it is read on its own
	}
	return r, nil
}

// unit reads \uXXXX.
func (d *Decoder) unit() (rune, error) {
	if err := d.ensure(6); err != nil {
		return 0, err
	}
	var r rune
	for _, c := range d.buffer[d.at+2 : d.at+6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, ErrSyntax
		}
		r = r<<4 | rune(c)
	}
	d.at += 6
	return r, nil
}

// validUTF8 replaces each byte that is not part of a character, in a text of at most max bytes and a character more.
func validUTF8(text []byte, max int) []byte {
	size := 0
	for rest := text; len(rest) > 0; {
		r, width := utf8.DecodeRune(rest)
		size += utf8.RuneLen(r)
		rest = rest[width:]
	}
	valid := make([]byte, 0, min(size, max+utf8.UTFMax))
	for len(text) > 0 && len(valid) <= max {
		r, width := utf8.DecodeRune(text)
		valid = utf8.AppendRune(valid, r)
		text = text[width:]
	}
	return valid
}

// clip a text of valid UTF-8 at a whole character.
func clip(text []byte, max int) []byte {
	if len(text) <= max {
		return text
	}
	for max > 0 && !utf8.RuneStart(text[max]) {
		max--
	}
	return text[:max]
}
