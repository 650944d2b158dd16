package sarif

import (
	"bufio"
	"bytes"
	"io"
	"strings"

	"kubeops.io/kubeops/internal/provider/stream"
)

const (
	// driver is the index of the component of a tool that all have; those of extensions start from 0.
	driver = -1
	// noIndex of a rule that is referenced by its id.
	noIndex = -1
	// perRule and maxPostponed bound the findings that are kept while the level of their rule is not known.
	perRule, maxPostponed = 3, 200
	// ruleBytes of an entry of a map of rules without its texts, with the room that the map keeps for growth.
	ruleBytes = 160
)

// ruleRef is how a result references its rule.
type ruleRef struct {
	component, index int64
	id               string
}

// postponed are results whose level is that of their rule.
type postponed struct {
	rule     ruleRef
	count    int
	findings []Finding
}

// reader of a report.
type reader struct {
	d      *stream.Decoder
	report Report

	// byRule are the levels of the rules of the run, by component and index, or component and id. Those whose level is the default, which
	// is warning, are left out.
	byRule map[ruleRef]Level
	// ruled is true once the rules of the run were read.
	ruled bool
	// pending results by their rule, in the order of the report, and how many of them are described.
	pending   []*postponed
	pendingOf map[ruleRef]*postponed
	described int
}

// skipMark skips the byte order mark, which some tools write.
func skipMark(in io.Reader) io.Reader {
	buffered := bufio.NewReaderSize(in, 16) // the decoder has a buffer of its own
	mark := []byte("\xef\xbb\xbf")
	if start, _ := buffered.Peek(len(mark)); bytes.Equal(start, mark) { // an error comes again when it is read
		_, _ = buffered.Discard(len(mark))
	}
	return buffered
}

// run of a tool.
func (r *reader) run() error {
	before := r.d.Kept()
	r.ruled = false
	r.byRule = map[ruleRef]Level{}
	r.pending = nil
	r.pendingOf = map[ruleRef]*postponed{}
	r.described = 0
	if err := r.d.Object(func(name []byte) error { return r.runField(string(name)) }); err != nil {
		return err
	}
	for _, results := range r.pending {
		r.count(r.levelOfRule(results.rule), results.count, results.findings...)
	}
	r.d.Drop(before)
	return nil
}

func (r *reader) runField(name string) error {
	switch name {
	case "tool":
		r.ruled = true
		return r.tool()
	case "results":
		if kind, err := r.d.Kind(); err != nil || kind == stream.Null {
			return err
		}
		r.report.Empty = false
		return r.d.Array(r.result)
	case "invocations":
		return r.d.Array(r.invocation)
	case "externalPropertyFileReferences":
		return r.d.Object(func(name []byte) error {
			if string(name) != "results" {
				return nil
			}
			return r.d.Array(func() error { return invalid("it has results in other files; let the tool write them into the report") })
		})
	}
	return nil
}

// invocation of the tool.
func (r *reader) invocation() error {
	return r.d.Object(func(name []byte) error {
		if string(name) != "executionSuccessful" {
			return nil
		}
		successful, err := r.d.Bool()
		r.report.Failed = r.report.Failed || !successful
		return err
	})
}

// tool reads the levels of its rules.
func (r *reader) tool() error {
	return r.d.Object(func(name []byte) error {
		switch string(name) {
		case "driver":
			return r.component(driver)
		case "extensions":
			extension := int64(-1)
			return r.d.Array(func() error {
				extension++
				return r.component(extension)
			})
		}
		return nil
	})
}

func (r *reader) component(number int64) error {
	return r.d.Object(func(name []byte) error {
		if string(name) != "rules" {
			return nil
		}
		index := int64(-1)
		return r.d.Array(func() error {
			index++
			return r.descriptor(number, index)
		})
	})
}

// descriptor of a rule.
func (r *reader) descriptor(component, index int64) error {
	kept := r.d.Kept()
	var id, text string
	err := r.d.Object(func(name []byte) (err error) {
		switch string(name) {
		case "id":
			id, err = r.d.Text(maxRule)
		case "defaultConfiguration":
			err = r.textField("level", maxShort, &text)
		}
		return err
	})
	if err != nil {
		return err
	}
	level, is := levelOf(text)
	switch {
	case text == "" || level == Warning:
		r.d.Drop(kept)
		return nil
	case !is:
		return invalid("a rule has a level that is none of error, warning, note and none")
	}
	r.byRule[ruleRef{component: component, index: index}] = level
	r.byRule[ruleRef{component: component, index: noIndex, id: id}] = level
	if len(r.byRule) > 2*maxRules {
		return &stream.LimitError{Limit: "rules with a level", Max: maxRules}
	}
	return r.d.Keep(2 * ruleBytes)
}

// ruleID reads the id of the rule of a result. One of the reference rule is the same.
func (r *reader) ruleID(into *ruleRef) (err error) {
	into.id, err = r.d.Text(maxRule)
	return err
}

// ruleReference of a result.
func (r *reader) ruleReference(into *ruleRef) error {
	return r.d.Object(func(name []byte) (err error) {
		switch string(name) {
		case "id":
			err = r.ruleID(into)
		case "index":
			into.index, err = r.index()
		case "toolComponent":
			err = r.d.Object(func(name []byte) (err error) {
				if string(name) == "index" {
					into.component, err = r.index()
				}
				return err
			})
		}
		return err
	})
}

// postpone counts a result whose level is that of its rule: at once if the rules are known.
func (r *reader) postpone(found result) error {
	if r.ruled {
		r.count(r.levelOfRule(found.rule), 1, found.finding)
		return nil
	}
	known := r.pendingOf[found.rule]
	if known == nil {
		known = &postponed{rule: found.rule}
		r.pendingOf[found.rule] = known
		r.pending = append(r.pending, known)
		if len(r.pending) > maxRules {
			return &stream.LimitError{Limit: "rules without a level", Max: maxRules}
		}
		if err := r.d.Keep(int64(len(found.rule.id)) + ruleBytes); err != nil {
			return err
		}
	}
	known.count++
	if f := found.finding; len(known.findings) < perRule && r.described < maxPostponed {
		known.findings = append(known.findings, f)
		r.described++
		return r.d.Keep(int64(len(f.Rule)+len(f.File)+len(f.Message)) + ruleBytes)
	}
	return nil
}

// levelOfRule is that of its default configuration. An id can have parts of its own after a slash.
func (r *reader) levelOfRule(ref ruleRef) Level {
	if ref.index >= 0 {
		if level, is := r.byRule[ruleRef{component: ref.component, index: ref.index}]; is {
			return level
		}
		return Warning
	}
	for id := ref.id; ; {
		if level, is := r.byRule[ruleRef{component: ref.component, index: noIndex, id: id}]; is {
			return level
		}
		at := strings.LastIndexByte(id, '/')
		if at < 0 {
			return Warning
		}
		id = id[:at]
	}
}

// count findings of a level, of which some are described.
func (r *reader) count(level Level, number int, findings ...Finding) {
	if level == none {
		return
	}
	r.report.Counts[level] += number
	for _, finding := range findings {
		if len(r.report.Findings[level]) < MaxFindings {
			finding.Level = level
			r.report.Findings[level] = append(r.report.Findings[level], finding)
		}
	}
}
