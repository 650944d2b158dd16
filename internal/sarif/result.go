package sarif

import (
	"strings"

	"kubeops.io/kubeops/internal/provider/stream"
)

// Lengths of texts that are kept, in bytes.
const (
	maxShort   = 64
	maxRule    = 256
	maxFile    = 256
	maxMessage = 256
)

// result of a tool.
type result struct {
	level, kind, baseline string
	rule                  ruleRef
	// suppressed by the report.
	suppressed bool
	finding    Finding
}

// counts reports whether a result is a finding: what is suppressed, what an earlier report had, and what is no failure is none.
func (r *result) counts() bool {
	switch {
	case r.suppressed, r.baseline == "unchanged", r.baseline == "absent", r.level == "none":
		return false
	}
	return r.kind == "" || r.kind == "fail" || r.level != ""
}

// levelOf a text; false for one that is none of the format.
func levelOf(text string) (Level, bool) {
	switch text {
	case "error":
		return Error, true
	case "warning":
		return Warning, true
	case "note":
		return Note, true
	case "none":
		return none, true
	}
	return none, false
}

// result reads one, and counts it.
func (r *reader) result() error {
	kept := r.d.Kept()
	found := result{rule: ruleRef{index: noIndex, component: driver}}
	if err := r.d.Object(func(name []byte) error { return r.resultField(&found, string(name)) }); err != nil {
		return err
	}
	r.d.Drop(kept)
	if !found.counts() {
		return nil
	}
	found.finding.Rule = found.rule.id
	if found.level == "" {
		return r.postpone(found)
	}
	level, is := levelOf(found.level)
	if !is {
		return invalid("a result has a level that is none of error, warning, note and none")
	}
	r.count(level, 1, found.finding)
	return nil
}

func (r *reader) resultField(found *result, name string) (err error) {
	switch name {
	case "level":
		found.level, err = r.d.Text(maxShort)
	case "kind":
		found.kind, err = r.d.Text(maxShort)
	case "baselineState":
		found.baseline, err = r.d.Text(maxShort)
	case "ruleId":
		err = r.ruleID(&found.rule)
	case "ruleIndex":
		found.rule.index, err = r.index()
	case "rule":
		err = r.ruleReference(&found.rule)
	case "message":
		found.finding.Message, err = r.message()
	case "suppressions":
		found.suppressed, err = r.suppressions()
	case "locations":
		err = r.locations(&found.finding)
	}
	return err
}

// message is the text; the id of one that is written with its rule says nothing.
func (r *reader) message() (string, error) {
	var text, markdown string
	err := r.d.Object(func(name []byte) (err error) {
		switch string(name) {
		case "text":
			text, err = r.d.Text(maxMessage)
		case "markdown":
			markdown, err = r.d.Text(maxMessage)
		}
		return err
	})
	if text == "" {
		text = markdown
	}
	return strings.TrimSpace(text), err
}

// suppressions reports whether a result is suppressed: there is one, and none was rejected or waits for a review.
func (r *reader) suppressions() (bool, error) {
	some := false
	open := false
	err := r.d.Array(func() error {
		some = true
		return r.d.Object(func(name []byte) error {
			if string(name) != "status" {
				return nil
			}
			status, err := r.d.Text(maxShort)
			open = open || status != "" && status != "accepted"
			return err
		})
	})
	return some && !open, err
}

// locations keeps the file and line of the first.
func (r *reader) locations(into *Finding) error {
	first := true
	return r.d.Array(func() error {
		if !first {
			return nil
		}
		first = false
		return r.d.Object(func(name []byte) error {
			if string(name) != "physicalLocation" {
				return nil
			}
			return r.d.Object(func(name []byte) error {
				switch string(name) {
				case "artifactLocation":
					return r.textField("uri", maxFile, &into.File)
				case "region":
					return r.d.Object(func(name []byte) (err error) {
						if string(name) == "startLine" {
							into.Line, err = r.index()
							into.Line = max(0, into.Line)
						}
						return err
					})
				}
				return nil
			})
		})
	})
}

// textField of an object.
func (r *reader) textField(field string, maxBytes int, into *string) error {
	return r.d.Object(func(name []byte) (err error) {
		if string(name) == field {
			*into, err = r.d.Text(maxBytes)
		}
		return err
	})
}

// index reads a number; noIndex for null.
func (r *reader) index() (int64, error) {
	if kind, err := r.d.Kind(); err != nil || kind == stream.Null {
		return noIndex, err
	}
	return r.d.Int64()
}
