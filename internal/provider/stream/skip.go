package stream

// Skip reads a value of any kind and keeps nothing of it. Its memory does not depend on the value.
func (d *Decoder) Skip() error {
	d.unread = false
	outside := d.depth
	for {
		c, err := d.peek()
		if err != nil {
			return err
		}
		closed, err := d.skipOne(c)
		if err != nil {
			return err
		}
		if !closed {
			continue // an object or array was opened that has a first member
		}
		for {
			if d.depth == outside {
				return nil
			}
			more, err := d.member(d.arrays.get(d.depth), false)
			if err != nil {
				return err
			}
			if more {
				break
			}
		}
	}
}

// skipOne value, or the beginning of one that has members: closed is false then.
func (d *Decoder) skipOne(c byte) (closed bool, err error) {
	switch c {
	case '{', '[':
		d.at++
		if err := d.enter(); err != nil {
			return false, err
		}
		d.arrays.set(d.depth, c == '[')
		more, err := d.member(c == '[', true)
		return !more, err
	case '"':
		return true, d.skipText()
	case 'n':
		return true, d.word("null")
	case 't':
		return true, d.word("true")
	case 'f':
		return true, d.word("false")
	}
	if c != '-' && (c < '0' || c > '9') {
		return false, ErrSyntax
	}
	return true, d.number(false)
}

// member moves to the value of the next member of an object or array.
func (d *Decoder) member(array, first bool) (bool, error) {
	closing := byte('}')
	read := 1
	if array {
		closing = ']'
	}
	if first {
		read = 0
	}
	more, err := d.next(closing, read)
	if !more || err != nil || array {
		return more, err
	}
	c, err := d.peek()
	if err != nil {
		return false, err
	}
	if c != '"' {
		return false, ErrSyntax
	}
	if err := d.skipText(); err != nil {
		return false, err
	}
	if c, err = d.peek(); err != nil {
		return false, err
	}
	if c != ':' {
		return false, ErrSyntax
	}
	d.at++
	return true, nil
}

// skipText reads a string whose opening quote comes next.
func (d *Decoder) skipText() error {
	d.at++
	for {
		for d.at < d.end {
			c := d.buffer[d.at]
			if c >= ' ' && c != '"' && c != '\\' {
				d.at++
				continue
			}
			if c == '"' {
				d.at++
				return nil
			}
			if c < ' ' {
				return ErrSyntax
			}
			if _, err := d.escape(); err != nil {
				return err
			}
		}
		if err := d.fill(); err != nil {
			return unexpected(err)
		}
	}
}

// bits is a set of small numbers.
type bits []uint64

func (b *bits) set(n int, on bool) {
	for len(*b) <= n/64 {
		*b = append(*b, 0)
	}
	if on {
		(*b)[n/64] |= 1 << (n % 64)
	} else {
		(*b)[n/64] &^= 1 << (n % 64)
	}
}

func (b bits) get(n int) bool { return b[n/64]&(1<<(n%64)) != 0 }
