package header

import "strings"

// Level of an event.
type Level uint8

// Levels in ascending severity. Unknown is the level of lines without one.
const (
	Unknown Level = iota
	Debug
	Info
	Warn
	Error
	// Fatal ends a program, such as a panic.
	Fatal
)

// String returns the level in lower case; empty if unknown.
func (l Level) String() string {
	return [...]string{"", "debug", "info", "warn", "error", "fatal"}[l]
}

// Bad reports whether the level is Error or Fatal.
func (l Level) Bad() bool { return l >= Error }

// named returns the level of a word that programs and collectors use for it.
func named(word string) Level {
	if len(word) > 11 || len(word) < 3 {
		return Unknown
	}
	var buffer [11]byte
	lower := buffer[:len(word)]
	for i := range len(word) {
		c := word[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	switch string(lower) {
	case "trace", "debug", "debu", "dbug", "trce", "trac", "fine", "finer", "finest", "verbose", "dbg", "trc", "vrb":
		return Debug
	case "info", "information", "notice", "inf", "log":
		return Info
	case "warn", "warning", "wrn":
		return Warn
	case "error", "err", "severe", "eror", "erro", "fail":
		return Error
	case "fatal", "fata", "panic", "critical", "crit", "emerg", "emergency", "alert", "ftl", "dpanic":
		return Fatal
	}
	return Unknown
}

// Named returns the level of a word, ignoring case; Unknown for other words.
func Named(word string) Level {
	if word == "" || word[0] > ' ' && word[len(word)-1] > ' ' {
		return named(word)
	}
	return named(strings.TrimSpace(word))
}

// Short returns the level of a number or a letter in JSON: 10 to 60 of pino and bunyan, E of MongoDB. It is Unknown for others: a single
// digit is an error for one logger and debugging for another, so it is a severity of syslog only where the line says so.
func Short(text string) Level {
	if len(text) == 1 {
		return lettered(text[0])
	}
	switch text {
	case "10", "20":
		return Debug
	case "30":
		return Info
	case "40":
		return Warn
	case "50":
		return Error
	case "60":
		return Fatal
	}
	return Unknown
}

// ofNPM returns the level of a word that npm writes after its name; Unknown for others, as in npm start.
func ofNPM(word string) Level {
	switch word {
	case "http":
		return Info
	case "verb", "sill":
		return Debug
	}
	return Named(word)
}

// lettered returns the level of a letter as in klog and Android; Unknown for others.
func lettered(c byte) Level {
	switch c {
	case 'D', 'V', 'T':
		return Debug
	case 'I', 'N':
		return Info
	case 'W':
		return Warn
	case 'E':
		return Error
	case 'F', 'C', 'A':
		return Fatal
	}
	return Unknown
}

// Severity returns the level of a severity of syslog, 0 to 7.
func Severity(severity int) Level {
	switch {
	case severity <= 2: // emergency, alert, critical
		return Fatal
	case severity == 3:
		return Error
	case severity == 4:
		return Warn
	case severity <= 6: // notice, info
		return Info
	}
	return Debug
}

// klog returns the level of a line of k8s.io/klog: one of IWEF, the date as MMDD, and the time.
func klog(line string) Level {
	if len(line) < 14 || line[5] != ' ' || line[8] != ':' || line[11] != ':' {
		return Unknown
	}
	for _, i := range []int{1, 2, 3, 4, 6, 7, 9, 10} {
		if !digit(line[i]) {
			return Unknown
		}
	}
	switch line[0] {
	case 'I':
		return Info
	case 'W':
		return Warn
	case 'E':
		return Error
	case 'F':
		return Fatal
	}
	return Unknown
}

func digit(c byte) bool  { return c >= '0' && c <= '9' }
func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
