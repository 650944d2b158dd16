package stream

// Memory that values take, in bytes: the header of a string or slice, and maps of strings, whose first group has room for eight entries.
// Rounding by the allocator and the room that maps and slices keep for growth are included.
const (
	textBytes     = 24
	mapBytes      = 352
	mapEntryBytes = 80
	mapGroup      = 8
)

// Keep counts memory that the caller keeps. It fails with a LimitError when all that is kept exceeds Limits.Memory.
func (d *Decoder) Keep(bytes int64) error {
	if d.kept += bytes; d.kept > d.limits.Memory {
		return &LimitError{Limit: LimitMemory, Max: d.limits.Memory}
	}
	return nil
}

// KeepText counts a string of a length.
func (d *Decoder) KeepText(length int) error { return d.Keep(int64(length) + textBytes) }

// KeepEntry counts an entry of a map that has some already, without the content of its strings.
func (d *Decoder) KeepEntry(entries int) error {
	switch {
	case entries == 0:
		return d.Keep(mapBytes)
	case entries >= mapGroup:
		return d.Keep(mapEntryBytes)
	}
	return nil
}

// Kept is the memory that was counted so far.
func (d *Decoder) Kept() int64 { return d.kept }

// Drop forgets what was counted since Kept returned a value, for values that the caller dropped.
func (d *Decoder) Drop(kept int64) { d.kept = kept }

// Intern is a string with the content of a text. Short texts that repeat within a response share their memory, and are counted once.
func (d *Decoder) Intern(text []byte) (string, error) {
	if known, is := d.interned[string(text)]; is {
		return known, nil
	}
	kept := string(text)
	if len(text) > maxInternedBytes || len(d.interned) >= maxInterned {
		return kept, d.KeepText(len(text))
	}
	if d.interned == nil {
		d.interned = map[string]string{}
	}
	d.interned[kept] = kept
	if err := d.KeepText(len(text)); err != nil {
		return kept, err
	}
	return kept, d.KeepEntry(len(d.interned) - 1)
}
