package yamledit

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// imageFields are those of an entry of images in a kustomization that say what an image becomes.
func imageFields() []string { return []string{"newName", "newTag", "digest"} }

// ParseImage reads what an image becomes: TAG, sha256:DIGEST, NAME:TAG, NAME@DIGEST or NAME:TAG@DIGEST. Of a tag and a digest, only the
// digest is kept: it says which image it is.
func ParseImage(value string) (map[string]string, error) {
	rest, digest, pinned := strings.Cut(value, "@")
	if strings.HasPrefix(value, "sha256:") {
		rest = ""
		digest = value
		pinned = true
	}
	name := rest
	tag := ""
	switch colon := strings.LastIndexByte(rest, ':'); {
	case colon > strings.LastIndexByte(rest, '/'):
		name = rest[:colon]
		tag = rest[colon+1:]
	case !pinned:
		name = ""
		tag = rest
	}
	if pinned {
		tag = ""
		if hex, is := strings.CutPrefix(digest, "sha256:"); !is || len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
			return nil, fmt.Errorf("%q has no digest of the form sha256: and 64 hexadecimal digits", value)
		}
	}
	if tag == "" && digest == "" || strings.ContainsAny(tag, "/ ") || strings.ContainsAny(name, " @") {
		return nil, fmt.Errorf("%q is neither a tag, a digest nor an image with one of them", value)
	}
	fields := map[string]string{}
	for field, value := range map[string]string{"newName": name, "newTag": tag, "digest": digest} {
		if value != "" {
			fields[field] = value
		}
	}
	return fields, nil
}

// GetImage returns the fields of the entry of an image that say what it becomes.
func GetImage(content []byte, image string) (map[string]string, error) {
	documents, err := decode(content)
	if err != nil {
		return nil, err
	}
	_, entry, err := imageEntry(documents, image)
	if err != nil {
		return nil, err
	}
	return imageValues(entry), nil
}

func imageValues(entry *yaml.Node) map[string]string {
	values := map[string]string{}
	for _, field := range imageFields() {
		for i := 0; i+1 < len(entry.Content); i += 2 {
			if entry.Content[i].Value == field {
				values[field] = entry.Content[i+1].Value
			}
		}
	}
	return values
}

// SetImage sets what an image becomes in a kustomization: the entry of images with that name gets exactly the given fields, of newName,
// newTag and digest. A missing newName stays as it is. The entry must exist.
func SetImage(content []byte, image string, fields map[string]string) ([]byte, error) {
	documents, err := decode(content)
	if err != nil {
		return nil, err
	}
	if _, _, err := imageEntry(documents, image); err != nil {
		return nil, err
	}
	for _, field := range imageFields() {
		value, wanted := fields[field]
		switch _, has := mustImage(content, image)[field]; {
		case wanted && has:
			content, err = Set(content, Path{steps: imageStep(image, field)}, value)
		case wanted:
			content, err = addField(content, image, field, value)
		case has && field != "newName":
			content, err = removeField(content, image, field)
		}
		if err != nil {
			return nil, fmt.Errorf("%s of image %s: %w", field, image, err)
		}
	}
	return content, nil
}

// RestoreImage is SetImage, and removes a newName that fields do not have.
func RestoreImage(content []byte, image string, fields map[string]string) ([]byte, error) {
	if _, has := mustImage(content, image)["newName"]; has && fields["newName"] == "" {
		removed, err := removeField(content, image, "newName")
		if err != nil {
			return nil, fmt.Errorf("newName of image %s: %w", image, err)
		}
		content = removed
	}
	return SetImage(content, image, fields)
}

// mustImage are the fields of an image; none if the file cannot be read.
func mustImage(content []byte, image string) map[string]string {
	values, err := GetImage(content, image)
	if err != nil {
		return nil
	}
	return values
}

func imageStep(image, field string) []step {
	return []step{{key: "images"}, {isMatch: true, field: "name", value: image}, {key: field}}
}

// imageEntry is the only entry with a name, in the only document of a file, and its list.
func imageEntry(documents []*yaml.Node, image string) (list, entry *yaml.Node, err error) {
	if len(documents) != 1 || len(documents[0].Content) == 0 {
		return nil, nil, fmt.Errorf("a kustomization is one document, and this file has %d", len(documents))
	}
	list, err = follow(documents[0].Content[0], step{key: "images"})
	if err != nil {
		return nil, nil, err
	}
	entry, err = follow(list, step{isMatch: true, field: "name", value: image})
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("images: %w; add the entry", err)
	case entry.Kind != yaml.MappingNode || entry.Anchor != "":
		return nil, nil, fmt.Errorf("the entry of image %s has an anchor or is an alias", image)
	}
	return list, entry, nil
}

// addField writes a field in a line of its own, after the name.
func addField(content []byte, image, field, value string) ([]byte, error) {
	if err := checkValue(value); err != nil {
		return nil, err
	}
	documents, err := decode(content)
	if err != nil {
		return nil, err
	}
	list, entry, err := imageEntry(documents, image)
	if err != nil {
		return nil, err
	}
	if list.Style&yaml.FlowStyle != 0 || entry.Style&yaml.FlowStyle != 0 {
		return nil, errors.New("the entry is written in braces; write each field on a line of its own")
	}
	var line, column int
	for i := 0; i+1 < len(entry.Content); i += 2 {
		if entry.Content[i].Value == "name" {
			line = entry.Content[i+1].Line
			column = entry.Content[i].Column
		}
	}
	at := afterLine(content, line)
	lineEnd := "\n"
	if bytes.HasSuffix(content[:at], []byte("\r\n")) {
		lineEnd = "\r\n"
	}
	head := content[:at:at]
	if at > 0 && content[at-1] != '\n' {
		head = append(head, lineEnd...)
	}
	for _, text := range spellings(&yaml.Node{}, value) {
		added := strings.Repeat(" ", max(column-1, 0)) + field + ": " + text + lineEnd
		edited := bytes.Join([][]byte{head, []byte(added), content[at:]}, nil)
		if imageVerified(documents, edited, image, field, value) {
			return edited, nil
		}
	}
	return nil, errors.New("the field cannot be added without changing something else; add it by hand once")
}

// removeField deletes the line of a field.
func removeField(content []byte, image, field string) ([]byte, error) {
	documents, err := decode(content)
	if err != nil {
		return nil, err
	}
	_, entry, err := imageEntry(documents, image)
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(entry.Content); i += 2 {
		if key := entry.Content[i]; key.Value == field {
			edited := append(bytes.Clone(content[:afterLine(content, key.Line-1)]), content[afterLine(content, key.Line):]...)
			if imageVerified(documents, edited, image, field, "") {
				return edited, nil
			}
		}
	}
	return nil, errors.New("the field cannot be removed; write it on a line of its own, after the name")
}

// afterLine is where the line after a line begins.
func afterLine(content []byte, line int) int {
	at := 0
	for ; line > 0; line-- {
		next := bytes.IndexByte(content[at:], '\n')
		if next < 0 {
			return len(content)
		}
		at += next + 1
	}
	return at
}

// imageVerified reports whether an edited file differs from the documents in a field of an image only, which has the value, or is missing
// if that is empty.
func imageVerified(documents []*yaml.Node, edited []byte, image, field, value string) bool {
	changed, err := decode(edited)
	if err != nil || len(changed) != len(documents) {
		return false
	}
	_, before, err := imageEntry(documents, image)
	if err != nil {
		return false
	}
	_, after, err := imageEntry(changed, image)
	if err != nil || imageValues(after)[field] != value {
		return false
	}
	for i := 0; i+1 < len(after.Content); i += 2 {
		if after.Content[i].Value == field && after.Content[i+1].Tag != "!!str" {
			return false
		}
	}
	old, young := without(before, field), without(after, field)
	if len(old) != len(young) {
		return false
	}
	for i := range old { // comments move between neighbors
		if old[i].Value != young[i].Value || old[i].Kind != young[i].Kind || old[i].Tag != young[i].Tag {
			return false
		}
	}
	*before = *after
	return sameValues(documents[0], changed[0])
}

func without(entry *yaml.Node, field string) (kept []*yaml.Node) {
	for i := 0; i+1 < len(entry.Content); i += 2 {
		if entry.Content[i].Value != field {
			kept = append(kept, entry.Content[i], entry.Content[i+1])
		}
	}
	return kept
}

// sameValues compares two trees without comments.
func sameValues(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.Anchor != b.Anchor || a.Tag != b.Tag || a.Value != b.Value || len(a.Content) != len(b.Content) {
		return false
	}
	for i := range a.Content {
		if !sameValues(a.Content[i], b.Content[i]) {
			return false
		}
	}
	return true
}
