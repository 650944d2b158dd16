package lines

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"time"
)

// Each calls for each line of a text that is not longer than 4 KiB; longer ones are skipped. It keeps one line at a time.
func Each(content io.Reader, each func(line string)) error {
	buffer := bufio.NewReaderSize(content, 4<<10)
	for {
		line, err := buffer.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = buffer.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if !long {
			each(strings.TrimRight(string(line), "\r\n"))
		}
		if err != nil {
			return nil //nolint:nilerr // the end
		}
	}
}

// errPeriod does not quote the value, which came from outside.
var errPeriod = errors.New("not a duration")

// Period reads a duration as Prometheus, Loki and VictoriaMetrics print them, such as 31d, 4w3d or 744h1m; 0 is no time. A day
// has 24 hours, a week 7 days, a year 365 days.
func Period(text string) (time.Duration, error) {
	if text == "0" {
		return 0, nil
	}
	var sum time.Duration
	for rest := text; rest != ""; {
		part, left, err := onePeriod(rest)
		if err != nil || sum > 1<<62-part {
			return 0, errPeriod
		}
		sum = sum + part
		rest = left
	}
	if text == "" {
		return 0, errPeriod
	}
	return sum, nil
}

// onePeriod reads a number and its unit, and returns what is left.
func onePeriod(text string) (time.Duration, string, error) {
	units := []struct {
		name string
		size time.Duration
	}{{"ms", time.Millisecond}, {"y", 365 * 24 * time.Hour}, {"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"m",
		time.Minute}, {"s", time.Second}}
	number := int64(0)
	digits := 0
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		if number = number*10 + int64(text[digits]-'0'); number > 1<<40 {
			return 0, "", errPeriod
		}
		digits++
	}
	for _, unit := range units {
		if left, is := strings.CutPrefix(text[digits:], unit.name); is && digits > 0 && number <= (1<<62)/int64(unit.size) {
			return time.Duration(number * int64(unit.size)), left, nil
		}
	}
	return 0, "", errPeriod
}
