package header

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDatesOfAllFormatsAreRead(t *testing.T) {
	t.Parallel()
	for _, date := range []string{
		"2026-01-15", "2026-01-15T12:00:00Z", "2026-01-15T12:00:00.123456789Z", "2026-01-15T12:00:00+01:00", "2026-01-15 12:00:00",
		"2026-01-15 12:00:00,123", "2026-01-15 12:00:00.123 +0000", "2026-01-15 12:00:00 UTC", "2026-01-15 12:00", "2026-01-15_12:00:00",
		"2026/01/15 12:00:00", "2026/1/5 2:03:04", "2026.01.15 12:00:00", "2026-01-15-12.00.00.123456", "15.01.2026 12:00:00",
		"15/Jan/2026:12:00:00 +0000", "15-Jan-2026 12:00:00", "15 Jan 2026 12:00:00.123", "15 January 2026, 12:00:00",
		"Jan 15 12:00:00", "Jan  5 00:00:00", "Jan 15, 2026 12:00:00 PM", "Jan 15 2026", "January 15, 2026",
		"Thu Jan 15 12:00:00 2026", "Thu Jan 15 12:00:00 UTC 2026", "Thu, 15 Jan 2026 12:00:00 GMT", "Thursday, 15-Jan-26 12:00:00 UTC",
		"Thursday, January 15, 2026 12:00:00", "Thu Jan 15 12:00:00.123456 2026", "May 31 23:59:59", "1/15/2026 3:04:05 PM",
		"01-15 12:00:00.123", "26/01/15 12:00:00", "20260115 12:00:00", "20260115-12:00:00:123", "260115 12:00:00", "20260115-0:8:1:5", "2026-1-5 0:0:9",
		"12:00:00", "12:00:00.123", "12:00:00,123", "3:04PM", "23:59:60", "Sun Mar 1 00:00:00 2026", "2026-12-31T24:00:00Z",
	} {
		for _, after := range []string{"", " x", "] x", " - x", ": x", ", x"} {
			if end := DateAt(date+after, 0); end != len(date) {
				t.Errorf("%q ends at %d of %q", date+after, end, date)
			}
		}
	}
}

func TestWhatIsNoDateIsNotRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "x", "Jan", "January sales", "May 5 retries", "Mon", "Sun rises", "Mar", "March on", "Sat 3", "1.2.3", "10.0.3.7", "10.20.30.40:8080",
		"192.168.1.1", "1:2", "12:00", "12:00:0", "aa:bb:cc", "10:20:30:40:50:60", "10:20:30:ab:cd:ef", "99:00:00", "2026-13-45-1x", "2026-99-99",
		"1.20.30", "01-15", "10.30", "1-2-3", "123-45-6789", "2001:db8::1", "12:00:00x", "Decent 3", "Oct-opus", "5", "20260115", "03/04", "3/4 of it",
	} {
		if end := DateAt(text, 0); end != 0 {
			t.Errorf("%q of %q is a date", text[:end], text)
		}
	}
}

func TestHeadersEndBeforeTheMessage(t *testing.T) {
	t.Parallel()
	for line, level := range map[string]Level{
		// Frameworks of languages.
		"2026-01-15 12:00:00,123 ERROR |order failed":                                Error,
		"2026-01-15 12:00:00,123 - shop.cart - ERROR - |order failed":                Error,
		"2026-01-15 12:00:00,123 - root - ERROR - |order failed":                     Error,
		"2026-01-15T12:00:00.123Z  WARN 1 --- [main] |c.e.shop.Order : order failed": Warn,
		"12:00:00.123 [main] ERROR |c.e.shop.Order - order failed":                   Error,
		"[12:00:00 ERR] |order failed":                                               Error,
		"2026-01-15 12:00:00.123 +00:00 [ERR] |order failed":                         Error,
		"fail: |Shop.Orders[0]":                                                      Error,
		"crit: |Shop.Orders[0]":                                                      Fatal,
		"E, [2026-01-15T12:00:00.123456 #7] ERROR -- : |order failed":                Error,
		"[2026-01-15T12:00:00Z ERROR shop::cart] |order failed":                      Error,
		"2026-01-15T12:00:00.123456Z ERROR |shop::cart: order failed":                Error,
		"[2026-01-15 12:00:00] production.ERROR: |order failed":                      Error,
		"12:00:00.123 [error] |order failed":                                         Error,
		"2026-01-15T12:00:00.123Z\tERROR\t|shop\torder failed":                       Error,
		"[2026-01-15 12:00:00,123: ERROR/MainProcess] |order failed":                 Error,
		"[2026-01-15 12:00:00 +0000] [7] [ERROR] |order failed":                      Error,
		"error: |order failed":                                                       Error,
		"ERROR: |order failed":                                                       Error,
		"3:04PM ERR |order failed":                                                   Error,
		"ERRO[0012] |order failed":                                                   Error,
		"time=\"2026-01-15T12:00:00Z\" level=warning |msg=\"order failed\"":          Warn,
		"[E 260115 12:00:00 web:12] |order failed":                                   Error,
		"npm ERR! |code ELIFECYCLE":                                                  Error,
		"npm WARN |deprecated x":                                                     Warn,
		"2026-01-15 12:00:00.123456 E | |etcd: order failed":                         Error,
		"(ERROR) |order failed":                                                      Error,
		"[WARNING] |order failed":                                                    Warn,
		"WARN  [main] |order failed":                                                 Warn,
		// Servers and systems.
		"E0102 15:04:05.123456       1 |controller.go:12] order failed": Error,
		"<3>|order failed": Error,
		"<134>1 2026-01-15T12:00:00Z |shop order failed":                           Info,
		"2026/01/15 12:00:00 [error] |7#7: *1 order failed":                        Error,
		"[Thu Jan 15 12:00:00.123456 2026] [core:error] [pid 1] |order failed":     Error,
		"2026-01-15 12:00:00.123 UTC [7] ERROR:  |order failed":                    Error,
		"2026-01-15T12:00:00.123456Z 0 [ERROR] [MY-010119] [Server] |order failed": Error,
		"1:M 15 Jan 2026 12:00:00.000 # |order failed":                             Warn,
		"1:M 15 Jan 2026 12:00:00.000 * |ready":                                    Info,
		"Jan 15 12:00:00 node-7 |sshd[12]: order failed":                           Unknown,
		"01-15 12:00:00.123  1702  2395 E |Orders: order failed":                   Error,
		"2026-01-15 12:00:00, Error                 |CBS    order failed":          Error,
		"2026-01-15 12:00:00.123+00:00 [error] <0.7.0> |order failed":              Error,
		"[2026-01-15 12:00:00.123][1][error][config] |order failed":                Error,
		"20260115-12:00:00:123|Orders|3000||order failed":                          Unknown,
		"1700000000 |order failed":                                                 Unknown,
		// Messages that have no header, or only a part of one.
		"|order failed": Unknown,
		"2026-01-15 12:00:00 |request failed with ERROR 7":   Unknown,
		"20260115-12:00:00:123|Orders|3000||placed:17 4 0 6": Unknown,
		"2026-01-15 12:00:00 |order-7 4 0 failed":            Unknown,
		"2026-01-15 12:00:00 |order-7 [x] failed":            Unknown,
		"2026-01-15 12:00:00 ERROR |order-7 12 failed":       Error,
		"|[cart] order failed":                               Unknown,
		"|POST /orders failed":                               Unknown,
		"|order 7 of 2026-01-15 12:00:00 failed":             Unknown,
		"|log: ready":                                        Unknown,
		"|Info is missing":                                   Unknown,
		"12:00:00 |log rotated":                              Unknown,
		"|java.lang.IllegalStateException: x":                Unknown,
		"E/|Orders( 7): order failed":                        Error,
		"|2026-01-15 12:00:00":                               Unknown,
		"|ERROR":                                             Error,
		"|":                                                  Unknown,
	} {
		want := strings.LastIndex(line, "|")
		if line == "|" {
			want = 0
		}
		text := line[:want] + line[want+1:]
		if end, got := Read(text); end != want || got != level {
			t.Errorf("%q: header %q of level %q, want %q of level %q", text, text[:end], got, text[:want], level)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, line := range []string{"2026-01-15 12:00:00 ERROR x", "[[(", "<3>", "Jan 1 0:00", "level=\"", "1:M 1 Jan 2026 00:00:00 # ", "npm ERR!", "E0102 15:04:05.1 1 x"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		end, _ := Read(line)
		if end < 0 || end > 0 && end >= len(line) {
			t.Fatalf("the header of %q ends at %d", line, end)
		}
		if utf8.ValidString(line) && !utf8.ValidString(line[:end]) {
			t.Fatalf("the header of %q ends within a character", line)
		}
		for i := range line {
			if end := DateAt(line, i); end < i || end > len(line) {
				t.Fatalf("the date at %d of %q ends at %d", i, line, end)
			}
		}
	})
}
