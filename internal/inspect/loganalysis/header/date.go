package header

// dates reads dates and times at a position of a line. All formats become one mark: otherwise a template would change with the day of
// the week, at the end of a month, or where a program omits a fraction of zero.
type dates struct {
	line string
	// at is the next position, end the end of what was read completely.
	at, end int
	date    bool
	clock   bool
	// named is true if the date has the name of a month, and year if it has a year.
	named, year bool
	// verb is true for May and a number, which need not be a date: May 5 retries suffice?.
	verb bool
}

// DateAt returns the end of the date, time of day, or both that start at i; i if there is none.
func DateAt(line string, i int) int {
	d := readDate(line, i)
	return d.end
}

// readDate reads the date at i.
func readDate(line string, i int) dates {
	d := dates{line: line, at: i, end: i}
	if i >= len(line) || !mayBeDate(line, i) {
		return d
	}
	for parts := 0; parts < 5 && d.part(); parts++ {
		if d.date && !d.verb || d.clock {
			d.end = d.at
		}
		if !d.separator() {
			break
		}
	}
	if d.end > i && d.end < len(line) && (wordByte(line, d.end) || joins(line, d.end)) {
		d.end = i
	}
	return d
}

// mayBeDate sorts out nearly all words and numbers by their first bytes.
func mayBeDate(line string, i int) bool {
	if digit(line[i]) {
		return mayBeNumeric(line, i)
	}
	if i+3 > len(line) {
		return false
	}
	switch line[i] {
	case 'J', 'F', 'M', 'A', 'S', 'O', 'N', 'D', 'T', 'W':
		return month(line[i:i+3]) || weekday(line[i:i+3])
	}
	return false
}

// mayBeNumeric reports whether a number is followed by what follows the first number of a date or a time.
func mayBeNumeric(line string, i int) bool {
	n := 1
	for i+n < len(line) && digit(line[i+n]) {
		if n++; n > 8 {
			return false
		}
	}
	if i+n+1 >= len(line) {
		return false
	}
	next := line[i+n+1]
	switch line[i+n] {
	case ':':
		return n <= 2 && digit(next)
	case '.', '-', '/', ' ':
		return n == 6 || n == 8 || n <= 4 && line[i+n] != ' ' && digit(next) || n <= 2 && next >= 'A' && next <= 'S'
	}
	return n == 8
}

// joins reports whether a date is followed by more of an address or a number: 10:20:30:40:50.
func joins(line string, i int) bool {
	if line[i] != ':' && line[i] != '.' || i+1 >= len(line) {
		return false
	}
	hex := i+2 < len(line) && hexDigit(line[i+1]) && hexDigit(line[i+2]) && !wordByte(line, i+3)
	return hex || digit(line[i+1])
}

// part reads a part of a date: a weekday, a day, a time, a zone or a year.
func (d *dates) part() bool {
	switch {
	case d.at >= len(d.line):
		return false
	case !digit(d.line[d.at]):
		return d.named3() || d.clock && d.zone()
	case d.readClock(), !d.date && (d.numeric() || d.dayAndMonth()):
		return true
	case d.date && d.named && !d.year && d.shape("dddd"):
		d.year = true
		d.verb = false
		return true
	}
	return false
}

// named3 reads a weekday, or a month with its day and perhaps its year.
func (d *dates) named3() bool {
	if d.date || d.at+3 > len(d.line) {
		return false
	}
	name := d.line[d.at : d.at+3]
	after := d.at + 3
	for after < len(d.line) && d.line[after] >= 'a' && d.line[after] <= 'z' {
		after++
	}
	long := after-d.at > 3
	if weekday(name) && (!long || d.line[after-3:after] == "day") {
		next := dates{line: d.line, at: after}
		if !next.separator() || next.at >= len(d.line) || !mayBeDate(d.line, next.at) {
			return false
		}
		d.at = after
		return true
	}
	if !month(name) || long && !fullMonth(d.line[d.at:after]) {
		return false
	}
	for after < len(d.line) && (d.line[after] == ' ' || d.line[after] == '.') {
		after++
	}
	days := digits(d.line, after)
	if after == d.at+3 || days == 0 || days > 2 || !upTo(d.line[after:after+days], 31) {
		return false
	}
	d.at = after + days
	d.date = true
	d.named = true
	d.verb = name == "May"
	return true
}

// dayAndMonth reads 15 Jan 2026, 15/Jan/2026 and 15-Jan-26.
func (d *dates) dayAndMonth() bool {
	n := digits(d.line, d.at)
	at := d.at + n
	if n > 2 || at+4 > len(d.line) || !upTo(d.line[d.at:at], 31) || !month(d.line[at+1:at+4]) {
		return false
	}
	separator := d.line[at]
	if separator != ' ' && separator != '/' && separator != '-' {
		return false
	}
	at += 4
	for at < len(d.line) && d.line[at] >= 'a' && d.line[at] <= 'z' {
		at++
	}
	if at < len(d.line) && d.line[at] == separator {
		if years := digits(d.line, at+1); years == 4 || years == 2 && separator != ' ' {
			at += 1 + years
			d.year = true
		}
	}
	if at < len(d.line) && wordByte(d.line, at) {
		return false
	}
	d.at = at
	d.date = true
	d.named = true
	return true
}

// numeric reads a date of digits. Short forms count only before a time.
func (d *dates) numeric() bool {
	first := digits(d.line, d.at)
	at := d.at + first
	if at >= len(d.line) {
		return false
	}
	if first == 8 || first == 6 { // 20260115, 260115
		return d.beforeClock(at)
	}
	separator := d.line[at]
	if separator != '-' && separator != '/' && separator != '.' {
		return false
	}
	second := digits(d.line, at+1)
	if second == 0 || second > 2 || first > 4 || first == 3 || !upTo(d.line[at+1:at+1+second], 31) {
		return false
	}
	at += 1 + second
	if at >= len(d.line) || d.line[at] != separator { // 01-15 12:00:00
		return first == 2 && second == 2 && upTo(d.line[d.at:d.at+2], 31) && d.beforeClock(at)
	}
	return d.withYear(first, second, at)
}

// withYear completes a date of three numbers, of which the third follows at.
func (d *dates) withYear(first, second, at int) bool {
	third := digits(d.line, at+1)
	switch {
	case first == 4 && third > 0 && third <= 2 && upTo(d.line[at+1:at+1+third], 31):
	case first <= 2 && third == 4 && upTo(d.line[d.at:d.at+first], 31):
	case first == 2 && second == 2 && third == 2:
		return upTo(d.line[d.at:d.at+2], 31) && d.beforeClock(at+3)
	default:
		return false
	}
	d.at = at + 1 + third
	d.date = true
	d.year = true
	return true
}

// beforeClock accepts a date that ends at a position if a time follows.
func (d *dates) beforeClock(end int) bool {
	if end >= len(d.line) {
		return false
	}
	next := dates{line: d.line, at: end}
	if !next.separator() || next.at >= len(d.line) || !digit(d.line[next.at]) {
		return false
	}
	if next.date = true; !next.readClock() && (d.at != 0 || end-d.at != 6 || !next.shape("dddddd")) {
		return false
	}
	d.at = next.at
	d.date = true
	d.clock = true
	d.year = true
	return true
}

// readClock reads a time of day with a fraction: 12:00:00.123, and after a date 12:00 or 12.00.00.123.
func (d *dates) readClock() bool {
	if d.clock {
		return false
	}
	hours := digits(d.line, d.at)
	at := d.at + hours
	if hours > 2 || hours == 0 || at >= len(d.line) || !upTo(d.line[d.at:at], 24) {
		return false
	}
	separator := d.line[at]
	if end := d.withoutZeros(at); end > at {
		return d.fraction(end)
	}
	if separator != ':' && (separator != '.' || !d.date) || digits(d.line, at+1) != 2 || d.line[at+1] > '5' {
		return false
	}
	at += 3
	switch {
	case separator == ':' && at+2 <= len(d.line) && (d.line[at:at+2] == "AM" || d.line[at:at+2] == "PM"): // 3:04PM
		d.at = at + 2
		d.clock = true
		return true
	case at+2 < len(d.line) && d.line[at] == separator && digits(d.line, at+1) == 2 && d.line[at+1] <= '6':
		at += 3
	case !d.date || separator == '.':
		return false
	}
	return d.fraction(at)
}

// withoutZeros returns the end of the minutes and seconds of a time after a date, of which some have one digit: 0:8:1; its start if the
// time is another.
func (d *dates) withoutZeros(at int) int {
	end := at
	for range 2 {
		n := digits(d.line, end+1)
		if !d.date || end >= len(d.line) || d.line[end] != ':' || n == 0 || n > 2 || !upTo(d.line[end+1:end+1+n], 60) {
			return at
		}
		end += 1 + n
	}
	return end
}

// fraction reads the fraction of a second and what follows it.
func (d *dates) fraction(at int) bool {
	if at+1 < len(d.line) && (d.line[at] == '.' || d.line[at] == ',' || d.line[at] == ':') {
		if n := digits(d.line, at+1); n > 0 && n <= 9 {
			at += 1 + n
		}
	}
	d.at = at
	d.clock = true
	d.suffix()
	return true
}

// suffix reads what belongs to a time without a space: Z, +00:00, PM.
func (d *dates) suffix() {
	if d.at < len(d.line) && (d.line[d.at] == 'Z' || d.line[d.at] == 'z') {
		d.at++
		return
	}
	if d.at < len(d.line) && (d.line[d.at] == '+' || d.line[d.at] == '-') {
		d.offset()
	}
}

// offset reads +0100, +01:00 and +01.
func (d *dates) offset() bool {
	switch digits(d.line, d.at+1) {
	case 4:
		d.at += 5
	case 2:
		if d.at += 3; d.at < len(d.line) && d.line[d.at] == ':' && digits(d.line, d.at+1) == 2 {
			d.at += 3
		}
	default:
		return false
	}
	return true
}

// zone reads the name or the offset of a time zone, or AM and PM, after a space.
func (d *dates) zone() bool {
	if c := d.line[d.at]; c == '+' || c == '-' {
		return d.offset()
	}
	end := d.at
	for end < len(d.line) && wordByte(d.line, end) {
		end++
	}
	switch d.line[d.at:end] {
	case "UTC", "GMT", "Z", "AM", "PM", "am", "pm", "CET", "CEST", "EET", "EEST", "WET", "BST", "MSK", "IST", "JST", "KST", "EST", "EDT",
		"CST", "CDT", "MST", "MDT", "PST", "PDT":
		d.at = end
		return true
	}
	return false
}

// separator skips what is between two parts.
func (d *dates) separator() bool {
	start := d.at
	for d.at < len(d.line) && d.at-start < 3 {
		switch c := d.line[d.at]; {
		case c == ' ' || c == ',':
		case (c == 'T' || c == '_' || c == '-' || c == ':') && d.at == start && d.at+1 < len(d.line) && digit(d.line[d.at+1]):
		default:
			return d.at > start
		}
		d.at++
	}
	return d.at > start
}

// shape reads digits in the number of a shape such as dddd.
func (d *dates) shape(shape string) bool {
	if digits(d.line, d.at) != len(shape) {
		return false
	}
	d.at += len(shape)
	return true
}

// digits returns the number of digits at a position, up to 20.
func digits(line string, i int) int {
	n := 0
	for n < 20 && i+n < len(line) && digit(line[i+n]) {
		n++
	}
	return n
}

// upTo reports whether a number of one or two digits is within a limit.
func upTo(number string, limit int) bool {
	n := 0
	for i := range len(number) {
		n = n*10 + int(number[i]-'0')
	}
	return n <= limit
}

// wordByte reports whether the byte at i belongs to a word. Bytes beyond ASCII do.
func wordByte(line string, i int) bool {
	return i < len(line) && (letter(line[i]) || digit(line[i]) || line[i] == '_' || line[i] >= 0x80)
}

func hexDigit(c byte) bool { return digit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }
