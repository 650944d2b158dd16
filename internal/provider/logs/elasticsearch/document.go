package elasticsearch

import (
	"strings"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/stream"
)

// document that was found, reduced to what is needed.
type document struct {
	hit
	line   string
	labels map[string]string
	fits   bool
}

// finish a document: its line, its labels, and whether it is wanted.
func (r *documentReader) finish(d *stream.Decoder, h *document) error {
	text := r.line()
	kept := text
	if len(kept) > logs.LineLimit {
		kept = clipped(kept, logs.LineLimit)
	}
	before := d.Kept()
	h.line = string(kept)
	if err := d.KeepText(len(h.line)); err != nil {
		return err
	}
	var err error
	if h.labels, err = r.labelsOf(d); err != nil {
		return err
	}
	judged := h.line
	if r.whole && len(text) > len(kept) {
		judged = string(text)
	}
	if h.fits = r.keeps == nil || r.keeps(judged, h.labels); !h.fits {
		h.line = ""
		h.labels = nil
		d.Drop(before)
	}
	return d.Keep(hitBytes)
}

// clipped at a whole character.
func clipped(text []byte, length int) []byte {
	for length > 0 && !utf8.RuneStart(text[length]) {
		length--
	}
	return text[:length]
}

// line of the present document, whole.
func (r *documentReader) line() []byte {
	for _, f := range r.mapping.message {
		if text := r.text(f.path); len(text) > 0 {
			return text
		}
	}
	for _, path := range r.mapping.guesses[roleMessage] {
		if text := r.text(path); len(text) > 0 {
			return text
		}
	}
	return nil
}

// text of a field of the present document.
func (r *documentReader) text(path string) []byte {
	if s := r.slots[path]; s != nil && s.nested > 0 {
		return s.text
	}
	return nil
}

// labelsOf the present document: those of the contract and those that were asked for, and what is in the objects of labels.
func (r *documentReader) labelsOf(d *stream.Decoder) (map[string]string, error) {
	labels := make(map[string]string, 8)
	for label, fields := range r.mapping.labels {
		for _, f := range fields {
			if taken, err := r.take(d, labels, label, f.path); err != nil {
				return nil, err
			} else if taken {
				break
			}
		}
	}
	for label, paths := range r.mapping.guesses {
		for _, path := range paths {
			if label == roleMessage || labels[label] != "" {
				break
			}
			if taken, err := r.take(d, labels, label, path); err != nil {
				return nil, err
			} else if taken {
				break
			}
		}
	}
	for _, own := range r.own {
		if _, taken := labels[own.name]; taken || len(labels) >= maxLabels {
			continue
		}
		if err := d.KeepEntry(len(labels)); err != nil {
			return nil, err
		}
		labels[own.name] = own.value
	}
	for _, path := range r.mapping.disputing {
		if text := r.text(path); len(text) > 0 && string(text) != labels[logs.LabelNamespace] {
			delete(labels, logs.LabelNamespace)
		}
	}
	return labels, nil
}

// take a label from a field, if the present document has it.
func (r *documentReader) take(d *stream.Decoder, labels map[string]string, label, path string) (bool, error) {
	text := r.text(path)
	if len(text) == 0 {
		return false, nil
	}
	if len(text) > maxLabelLength {
		text = clipped(text, maxLabelLength)
	}
	value, err := d.Intern(text)
	if err != nil {
		return false, err
	}
	if label == logs.LabelLevel {
		value = strings.ToLower(value)
	}
	if err := d.KeepEntry(len(labels)); err != nil {
		return false, err
	}
	labels[label] = value
	return true, nil
}

// labelObjects are objects whose fields are labels: one's own, those of Pods as Filebeat, Fluentd and Fluent Bit have them, and
// as Vector does.
func labelObjects() []string {
	return []string{ownLabels, "kubernetes.labels", "kubernetes.pod_labels"}
}
