package jenkins

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/ci"
)

const (
	// maxDepth of the elements of a config.xml.
	maxDepth = 64
	// maxDescription of a job in bytes.
	maxDescription = 8 << 10
	// maxOwner is the length of an owner in bytes.
	maxOwner = 400
	// parameterNames is the path of the name of a declared parameter, below the root, without the element of its type.
	parameterNames = "properties/hudson.model.ParametersDefinitionProperty/parameterDefinitions"
)

// definition is a config.xml that was read.
type definition struct {
	content []byte
	// description of the job, and where its element begins and ends in the content. Without one, both are where it can be inserted.
	description string
	begin, end  int64
	// parameters that the job declares.
	parameters []string
}

// errDefinition says what is wrong with a config.xml. Its text quotes nothing of it.
type errDefinition string

func (e errDefinition) Error() string { return string(e) }

// parseDefinition reads the parts of a config.xml that matter here. The rest is not interpreted.
func parseDefinition(content []byte) (*definition, error) {
	if len(content) > v1alpha1.MaxJobDefinition {
		return nil, errDefinition(fmt.Sprintf("has more than %d KiB", v1alpha1.MaxJobDefinition>>10))
	}
	d := &definition{content: content, begin: -1}
	decoder := xml.NewDecoder(bytes.NewReader(readable(content)))
	p := &definitionParser{definition: d}
	for {
		before := decoder.InputOffset()
		token, err := decoder.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = p.token(token, before, decoder.InputOffset())
		}
		var wrong errDefinition
		if errors.As(err, &wrong) {
			return nil, err
		}
		if err != nil {
			line, _ := decoder.InputPos()
			return nil, errDefinition(fmt.Sprintf("is not well-formed XML (line %d)", line))
		}
	}
	if !p.ended {
		return nil, errDefinition("is not well-formed XML: its root element does not end")
	}
	return d, nil
}

// readable replaces the version 1.1 of Jenkins' own files, which the decoder refuses. All offsets stay.
func readable(content []byte) []byte {
	head := regexp.MustCompile(`^\s*<\?xml\s+version=["']1\.1["']`).FindIndex(content)
	if head == nil {
		return content
	}
	changed := bytes.Clone(content)
	copy(changed[head[1]-len(`1.1"`):], "1.0")
	return changed
}

// definitionParser follows the elements of a config.xml.
type definitionParser struct {
	*definition
	path  []string
	text  strings.Builder
	ended bool
}

func (p *definitionParser) token(token xml.Token, before, after int64) error {
	switch t := token.(type) {
	case xml.Directive:
		return errDefinition("has a document type, which is not permitted")
	case xml.CharData:
		p.text.Write(t)
	case xml.StartElement:
		return p.start(name(t.Name), before, after)
	case xml.EndElement:
		return p.stop(name(t.Name), after)
	}
	return nil
}

func name(n xml.Name) string {
	if n.Space != "" {
		return n.Space + ":" + n.Local
	}
	return n.Local
}

func (p *definitionParser) start(element string, before, after int64) error {
	if p.ended || len(p.path) >= maxDepth {
		return errDefinition(fmt.Sprintf("has several root elements, or elements deeper than %d", maxDepth))
	}
	p.path = append(p.path, element)
	p.text.Reset()
	switch {
	case len(p.path) == 1:
		if p.content[after-2] == '/' {
			return errDefinition("has an empty root element")
		}
		p.begin, p.end = after, after
	case len(p.path) == 2 && element == "description":
		if p.begin != p.end {
			return errDefinition("has two descriptions")
		}
		p.begin = before
	case len(p.path) == 3 && p.path[1] == "description":
		return errDefinition("has an element in its description")
	}
	return nil
}

func (p *definitionParser) stop(element string, after int64) error {
	depth := len(p.path)
	if depth == 0 || p.path[depth-1] != element {
		return errDefinition("is not well-formed XML: elements overlap")
	}
	switch {
	case depth == 2 && element == "description":
		if p.text.Len() > maxDescription {
			return errDefinition(fmt.Sprintf("has a description of more than %d KiB", maxDescription>>10))
		}
		p.description = p.text.String()
		p.end = after
	case depth == 6 && element == "name" && strings.Join(p.path[1:4], "/") == parameterNames:
		p.parameters = append(p.parameters, strings.TrimSpace(p.text.String()))
	}
	p.text.Reset()
	p.path = p.path[:depth-1]
	p.ended = depth == 1
	return nil
}

// mark is a line of the description of a job that KubeOps manages.
func managedMark(owner, digest string) string {
	return fmt.Sprintf("Managed by KubeOps for Pipeline %s (sha256:%s). Changes are overwritten.", owner, digest)
}

// managedBy are the owner and the digest in the description of a job; both are empty if KubeOps does not manage it.
func managedBy(description string) (owner, digest string) {
	found := regexp.MustCompile(`(?m)^Managed by KubeOps for Pipeline (\S+) \(sha256:([0-9a-f]{64})\)\. Changes are overwritten\.\s*\z`).
		FindStringSubmatch(description)
	if found == nil {
		return "", ""
	}
	return found[1], found[2]
}

// marked is the content with a line in its description that names the owner and the digest of the content.
func (d *definition) marked(owner string) (content []byte, digest string) {
	sum := sha256.Sum256(d.content)
	digest = hex.EncodeToString(sum[:])
	description := managedMark(owner, digest)
	if before := strings.TrimSpace(d.description); before != "" {
		description = before + "\n" + description
	}
	var text bytes.Buffer
	_ = xml.EscapeText(&text, []byte(description)) // a buffer has no errors
	return slices.Concat(d.content[:d.begin], []byte("<description>"), text.Bytes(), []byte("</description>"), d.content[d.end:]), digest
}

// definitionOf a request: the config.xml that was given, or one for the script.
func definitionOf(request ci.Request, from ci.Definition) (*definition, error) {
	if owner := ownerOf(from); strings.ContainsAny(owner, " \t\n") || from.Owner == "" || len(owner) > maxOwner {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "the owner of a job has 1 to %d bytes without spaces", maxOwner)
	}
	content := from.Config
	declared := append(slices.Sorted(maps.Keys(request.Parameters)), Marker)
	switch {
	case from.SCM != nil:
		content = scripted(fromSCM(from.SCM), declared)
	case from.Script != "":
		content = scripted(inline(from.Script), declared)
	}
	d, err := parseDefinition(content)
	if err != nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidJobDefinition, nil, "the config.xml of job %s %s",
			clip(request.Job, maxReason), err)
	}
	for _, parameter := range declared {
		switch {
		case slices.Contains(d.parameters, parameter), parameter == Marker && request.AllowUnmarked:
		case parameter == Marker:
			return nil, problem.UserError(v1alpha1.ReasonMarkerParameterMissing, nil,
				"the config.xml of job %s does not declare the string parameter %s, by which its builds are identified; declare it",
				clip(request.Job, maxReason), Marker)
		default:
			return nil, problem.UserError(v1alpha1.ReasonParameterMissing, nil,
				"the config.xml of job %s does not declare the parameter %s; declare it, or remove the value",
				clip(request.Job, maxReason), clip(parameter, maxShort))
		}
	}
	return d, nil
}

// scripted is the config.xml of a job of type Pipeline, whose script is in a definition, with string parameters.
func scripted(definition string, parameters []string) []byte {
	var declared strings.Builder
	for _, parameter := range parameters {
		_, _ = fmt.Fprintf(&declared, "<hudson.model.StringParameterDefinition><name>%s</name><description></description>"+
			"<defaultValue></defaultValue><trim>false</trim></hudson.model.StringParameterDefinition>", escaped(parameter))
	}
	return fmt.Appendf(nil, "<?xml version='1.0' encoding='UTF-8'?>\n<flow-definition plugin=\"workflow-job\"><description></description>"+
		"<keepDependencies>false</keepDependencies><properties><hudson.model.ParametersDefinitionProperty><parameterDefinitions>%s"+
		"</parameterDefinitions></hudson.model.ParametersDefinitionProperty></properties>%s<triggers/><disabled>false</disabled>"+
		"</flow-definition>\n", declared.String(), definition)
}

// inline is the definition of a script that the job has itself, in the sandbox.
func inline(script string) string {
	return fmt.Sprintf("<definition class=\"org.jenkinsci.plugins.workflow.cps.CpsFlowDefinition\" plugin=\"workflow-cps\">"+
		"<script>%s</script><sandbox>true</sandbox></definition>", escaped(script))
}

// fromSCM is the definition of a script in a Git repository, of which Jenkins reads only the script before a build.
func fromSCM(scm *ci.SCM) string {
	var credentials string
	if scm.CredentialsID != "" {
		credentials = "<credentialsId>" + escaped(scm.CredentialsID) + "</credentialsId>"
	}
	return fmt.Sprintf("<definition class=\"org.jenkinsci.plugins.workflow.cps.CpsScmFlowDefinition\" plugin=\"workflow-cps\">"+
		"<scm class=\"hudson.plugins.git.GitSCM\" plugin=\"git\"><configVersion>2</configVersion><userRemoteConfigs>"+
		"<hudson.plugins.git.UserRemoteConfig><url>%s</url>%s</hudson.plugins.git.UserRemoteConfig></userRemoteConfigs><branches>"+
		"<hudson.plugins.git.BranchSpec><name>refs/heads/%s</name></hudson.plugins.git.BranchSpec></branches>"+
		"<doGenerateSubmoduleConfigurations>false</doGenerateSubmoduleConfigurations><submoduleCfg class=\"empty-list\"/>"+
		"<extensions/></scm>"+
		"<scriptPath>%s</scriptPath><lightweight>true</lightweight></definition>",
		escaped(scm.Repository), credentials, escaped(scm.Branch), escaped(scm.Path))
}

// escaped is a text as the content of an element.
func escaped(text string) string {
	var buffer bytes.Buffer
	_ = xml.EscapeText(&buffer, []byte(text)) // a buffer has no errors
	return buffer.String()
}
