package printable

import (
	"bytes"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON returns a JSON document that means the same and that a terminal or a CI system can show: characters that a reader would not see,
// and the first character of the marker of a CI command, are written as \uNNNN. All other bytes stay, line breaks and tabs among them.
func JSON(document []byte) []byte {
	if Block(string(document)) == string(document) && !bytes.Contains(document, []byte("#")) && !bytes.Contains(document, []byte("_")) {
		return document
	}
	var out bytes.Buffer
	for line := range bytes.Lines(document) {
		jsonLine(&out, string(line))
	}
	return out.Bytes()
}

// jsonLine writes one line. Outside of strings, JSON has neither hidden characters nor markers.
func jsonLine(out *bytes.Buffer, line string) {
	start := len(line) - len(trimStart(line))
	var previous rune
	for i := 0; i < len(line); {
		r, size := utf8.DecodeRuneInString(line[i:])
		switch {
		case r == utf8.RuneError && size == 1: // not JSON
			out.WriteByte(line[i])
		case r == '\r':
			out.WriteByte('\r')
		case hidden(r, previous, true) && r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(out, `\u%04x\u%04x`, high, low)
		case hidden(r, previous, true), startsCommand(line, i, start):
			fmt.Fprintf(out, `\u%04x`, r)
		default:
			out.WriteString(line[i : i+size])
		}
		previous = r
		i += size
	}
}
