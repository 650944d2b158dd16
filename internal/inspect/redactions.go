package inspect

// redactions remember the texts of the last judgement, since the next one says nearly the same.
type redactions struct {
	redact      func(string) string
	before, now map[string]string
}

// begin a judgement: what the one before the last had is forgotten.
func (r *redactions) begin() { r.before, r.now = r.now, map[string]string{} }

// text is the redacted text.
func (r *redactions) text(text string) string {
	redacted, known := r.now[text]
	if known {
		return redacted
	}
	if redacted, known = r.before[text]; !known {
		redacted = r.redact(text)
	}
	r.now[text] = redacted
	return redacted
}
