package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// document is a list of components in SPDX 2.3: https://spdx.github.io/spdx-spec/v2.3/.
type document struct {
	SPDXVersion       string         `json:"spdxVersion"`
	DataLicense       string         `json:"dataLicense"`
	SPDXID            string         `json:"SPDXID"`
	Name              string         `json:"name"`
	DocumentNamespace string         `json:"documentNamespace"`
	CreationInfo      creationInfo   `json:"creationInfo"`
	Packages          []component    `json:"packages"`
	Relationships     []relationship `json:"relationships"`
}

type creationInfo struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type component struct {
	SPDXID           string        `json:"SPDXID"`
	Name             string        `json:"name"`
	Version          string        `json:"versionInfo"`
	DownloadLocation string        `json:"downloadLocation"`
	FilesAnalyzed    bool          `json:"filesAnalyzed"`
	LicenseConcluded string        `json:"licenseConcluded"`
	LicenseDeclared  string        `json:"licenseDeclared"`
	Copyright        string        `json:"copyrightText"`
	Purpose          string        `json:"primaryPackagePurpose,omitempty"`
	Checksums        []checksum    `json:"checksums,omitempty"`
	References       []externalRef `json:"externalRefs,omitempty"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type externalRef struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

const noAssertion = "NOASSERTION"

// writeSBOMs writes the components of each program: its binaries, the modules that they were linked from, the standard library, and the
// packages of the dashboard's pages in the manager.
func (r *release) writeSBOMs(context.Context) error {
	for _, program := range slices.Sorted(maps.Keys(r.binaries)) {
		described, err := r.sbom(program)
		if err != nil {
			return fmt.Errorf("components of %s: %w", program, err)
		}
		content, err := json.MarshalIndent(described, "", "  ")
		if err != nil {
			return err
		}
		path := filepath.Join(r.output, program+".spdx.json")
		r.say(path, fmt.Sprintf("%d components", len(described.Packages)))
		if err := writeFile(path, append(content, '\n')); err != nil {
			return err
		}
	}
	return nil
}

func (r *release) sbom(program string) (*document, error) {
	d := &document{
		SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT", Name: program + "-" + r.version,
		CreationInfo: creationInfo{Created: r.created.Format(time.RFC3339), Creators: []string{"Tool: kubeops-release-" + r.version}},
	}
	identity := sha256.New()
	for _, b := range r.binaries[program] {
		if err := d.addBinary(r.version, b); err != nil {
			return nil, err
		}
	}
	if program == "manager" {
		if err := d.addPages(filepath.Join(r.repository, "internal", "dashboard", "web", "package-lock.json")); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(d.Packages, func(a, b component) int { return cmp.Compare(a.SPDXID, b.SPDXID) })
	for _, p := range d.Packages {
		fmt.Fprintln(identity, p)
	}
	d.DocumentNamespace = fmt.Sprintf("https://kubeops.io/spdx/%s-%x", d.Name, identity.Sum(nil))
	return d, nil
}

// addBinary adds a program and what it was linked from.
func (d *document) addBinary(version string, b binary) error {
	content, err := os.ReadFile(b.path)
	if err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(b.path)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	own := component{
		SPDXID: id(b.program, b.platform), Name: b.program + " " + b.platform, Version: version, DownloadLocation: noAssertion,
		LicenseConcluded: "Apache-2.0", LicenseDeclared: "Apache-2.0", Copyright: noAssertion, Purpose: "APPLICATION",
		Checksums: []checksum{{Algorithm: "SHA256", Value: hex.EncodeToString(sum[:])}},
	}
	d.Packages = append(d.Packages, own)
	d.Relationships = append(d.Relationships, relationship{d.SPDXID, "DESCRIBES", own.SPDXID})
	d.link(own.SPDXID, dependency("golang", "stdlib", goVersion(info), "BSD-3-Clause"))
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		d.link(own.SPDXID, dependency("golang", module.Path, module.Version, noAssertion))
	}
	return nil
}

// goVersion is the version of the standard library in a program. It may differ from that of this one: each module can ask for another Go.
func goVersion(info *buildinfo.BuildInfo) string {
	version, _, _ := strings.Cut(info.GoVersion, " ") // experiments follow
	return strings.TrimPrefix(version, "go")
}

// link adds a component, unless it is there already, that another one contains.
func (d *document) link(from string, c component) {
	if !slices.ContainsFunc(d.Packages, func(p component) bool { return p.SPDXID == c.SPDXID }) {
		d.Packages = append(d.Packages, c)
	}
	d.Relationships = append(d.Relationships, relationship{from, "DEPENDS_ON", c.SPDXID})
}

// addPages adds the packages that the pages of the dashboard are built from, without the tools for their build.
func (d *document) addPages(lock string) error {
	content, err := os.ReadFile(lock)
	if err != nil {
		return err
	}
	var locked struct {
		Packages map[string]struct {
			Version, License           string
			Dev, Optional, DevOptional bool
		}
	}
	if err := json.Unmarshal(content, &locked); err != nil {
		return fmt.Errorf("%s: %w", lock, err)
	}
	owners := d.described()
	for _, path := range slices.Sorted(maps.Keys(locked.Packages)) {
		found := locked.Packages[path]
		if path == "" || found.Dev || found.Optional || found.DevOptional {
			continue
		}
		name := path[strings.LastIndex(path, "node_modules/")+len("node_modules/"):]
		for _, owner := range owners {
			d.link(owner, dependency("npm", name, found.Version, cmp.Or(found.License, noAssertion)))
		}
	}
	return nil
}

// described are the programs that the document is about.
func (d *document) described() (ids []string) {
	for _, r := range d.Relationships {
		if r.Type == "DESCRIBES" {
			ids = append(ids, r.Related)
		}
	}
	return ids
}

// dependency is a package of others, by its purl: https://github.com/package-url/purl-spec.
func dependency(ecosystem, name, version, license string) component {
	return component{
		SPDXID: id(ecosystem, name, version), Name: name, Version: version, DownloadLocation: noAssertion,
		LicenseConcluded: noAssertion, LicenseDeclared: license, Copyright: noAssertion, Purpose: "LIBRARY",
		References: []externalRef{{
			Category: "PACKAGE-MANAGER", Type: "purl",
			Locator: "pkg:" + ecosystem + "/" + strings.ReplaceAll(name, "@", "%40") + "@" + strings.ReplaceAll(version, "+", "%2B"),
		}},
	}
}

// id of an element: letters, digits, dots and hyphens. Others become a hyphen, and a hash keeps names apart.
func id(parts ...string) string {
	text := strings.Join(parts, "-")
	sum := sha256.Sum256([]byte(text))
	return "SPDXRef-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' {
			return r
		}
		return '-'
	}, text) + "-" + hex.EncodeToString(sum[:4])
}
