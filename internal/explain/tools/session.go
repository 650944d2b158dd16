package tools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Limits of a session. docs/limits.md names them.
const (
	// MaxCalls that a model may make for one root cause, refused ones too.
	MaxCalls = 8
	// MaxBytes of the lines of one call, after redaction.
	MaxBytes = 4 << 10
	// MaxRecorded calls are in a transcript. Refused calls beyond MaxCalls are among them.
	MaxRecorded = 16
	// maxShownArguments is the length of the arguments in a transcript, in bytes.
	maxShownArguments = 400
)

// Gate is what texts pass between a cluster and a model.
type Gate interface {
	// Learn adds names to mask.
	Learn(names ...string)
	// Out redacts and masks a text for the model.
	Out(text string) string
	// Restore replaces masks in a text of the model.
	Restore(text string) string
}

// Call is one call in a transcript. Its texts are as the model sees them.
type Call struct {
	// ID by which an answer cites it: t1, t2 and so on.
	ID string
	// Tool and Arguments, which are JSON, as the model wrote them; clipped.
	Tool, Arguments string
	// At is when it was made.
	At time.Time
	// Refused is why it was not executed, or failed; empty for one that has Lines.
	Refused string
	Lines   []string
	// Hash is the SHA-256 of the lines in hexadecimal digits.
	Hash string
}

// Session is the calls of a model about one root cause, within limits. It is not safe for concurrent use.
type Session struct {
	set   *Set
	gate  Gate
	calls []Call
	made  int
	// answered maps calls that were answered to their ids.
	answered map[string]string
}

// NewSession starts a session with no calls.
func (s *Set) NewSession(gate Gate) *Session {
	return &Session{set: s, gate: gate, answered: map[string]string{}}
}

// Left is the number of calls that may still be made.
func (s *Session) Left() int { return max(MaxCalls-s.made, 0) }

// Calls so far, at most MaxRecorded.
func (s *Session) Calls() []Call { return s.calls }

// Call makes a call, or refuses it with a reason. Everything it returns has passed the gate.
func (s *Session) Call(ctx context.Context, tool string, arguments json.RawMessage) Call {
	s.made++
	arguments = json.RawMessage(s.gate.Restore(string(arguments)))
	call := Call{ID: fmt.Sprintf("t%d", s.made), At: s.set.now()}
	call.Tool = clipped(s.gate.Out(tool))
	key := canonical(arguments)
	call.Arguments = clipped(s.gate.Out(key))
	key = tool + " " + key
	switch id, repeated := s.answered[key]; {
	case s.made > MaxCalls:
		call.Refused = fmt.Sprintf("the limit of %d calls is reached", MaxCalls)
	case repeated:
		call.Refused = "the same call was made before: see " + id
	default:
		s.answered[key] = call.ID
		s.execute(ctx, tool, arguments, &call)
	}
	if len(s.calls) < MaxRecorded {
		s.calls = append(s.calls, call)
	}
	return call
}

// execute fills in the lines of a call, or why it was refused.
func (s *Session) execute(ctx context.Context, tool string, arguments json.RawMessage, call *Call) {
	output, err := s.set.Call(ctx, tool, arguments)
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		call.Refused = s.gate.Out(refusal.Reason)
		return
	case err != nil:
		call.Refused = "the read failed"
		return
	}
	s.gate.Learn(output.Names...)
	call.Lines = Clip(strings.Split(s.gate.Out(strings.Join(output.Lines, "\n")), "\n"), MaxBytes, output.KeepEnd)
	sum := sha256.Sum256([]byte(strings.Join(call.Lines, "\n")))
	call.Hash = hex.EncodeToString(sum[:])
}

// canonical is a JSON object without what counts as absent, with its keys in order. What is none stays as it is.
func canonical(arguments json.RawMessage) string {
	if len(arguments) > MaxArguments {
		return strings.ToValidUTF8(string(arguments[:MaxArguments]), "")
	}
	given := map[string]any{}
	if json.Unmarshal(arguments, &given) != nil {
		return string(arguments)
	}
	for name, value := range given {
		if value == nil || value == "" {
			delete(given, name)
		}
	}
	content, err := json.Marshal(given)
	if err != nil {
		return string(arguments)
	}
	return string(content)
}

func clipped(text string) string {
	if len(text) <= maxShownArguments {
		return text
	}
	return strings.ToValidUTF8(text[:maxShownArguments], "") + "…"
}
