package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/yaml"
)

// ask a validator about documents of YAML. Each line of the result is a refusal or a failure.
func ask(t *testing.T, v *validator, documents string) []string {
	t.Helper()
	var in bytes.Buffer
	for document := range strings.SplitSeq(documents, "\n---\n") {
		object, err := yaml.ToJSON([]byte(document))
		if err != nil {
			t.Fatal(err)
		}
		if string(object) == "null" {
			continue
		}
		line, err := json.Marshal(request{Namespace: "shop", Object: object})
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	asked := bytes.Count(in.Bytes(), []byte("\n"))
	var out bytes.Buffer
	if err := serve(v, &in, &out); err != nil {
		t.Fatal(err)
	}
	if answered := bytes.Count(out.Bytes(), []byte("\n")); answered != asked {
		t.Fatalf("%d answers to %d requests", answered, asked)
	}
	var said []string
	for line := range strings.Lines(out.String()) {
		var a answer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		for _, r := range a.Refusals {
			said = append(said, r.Field+": "+r.Text)
		}
		if a.Failure != "" {
			said = append(said, "failure: "+a.Failure)
		}
		if !a.Known {
			said = append(said, "unknown kind")
		}
	}
	return said
}

func newest(t *testing.T) *validator {
	t.Helper()
	v, err := newValidator(newestMinor)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// deploymentWith more fields of its container.
func deploymentWith(container string) string {
	return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cart}\nspec:\n  selector: {matchLabels: {app: cart}}\n" +
		"  template:\n    metadata: {labels: {app: cart}}\n    spec:\n      containers:\n      - {name: cart, image: cart:1" + container + "}\n"
}

// serviceWith more fields of its spec.
func serviceWith(fields string) string {
	return "apiVersion: v1\nkind: Service\nmetadata: {name: cart}\nspec: {selector: {app: cart}, ports: [{port: 80}], " + fields + "}\n"
}

func TestRefusalsAreThoseOfTheAPIServer(t *testing.T) {
	v := newest(t)
	for name, tc := range map[string]struct{ object, want string }{
		"a valid Deployment": {deploymentWith(""), ""},
		"a limit below a request": {deploymentWith(", resources: {requests: {cpu: 2}, limits: {cpu: 1}}"),
			`spec.template.spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`},
		"a probe without a handler": {deploymentWith(", readinessProbe: {periodSeconds: 5}"),
			"spec.template.spec.containers[0].readinessProbe: Required value: must specify a handler type"},
		"a Service without a name and ports": {"apiVersion: v1\nkind: Service\nmetadata: {}\nspec: {selector: {app: cart}}\n",
			"metadata.name: Required value: name or generateName is required"},
		"a headless Service":         {serviceWith("clusterIP: None"), ""},
		"a Service of two families":  {serviceWith("ipFamilyPolicy: RequireDualStack, ipFamilies: [IPv6, IPv4]"), ""},
		"a headless one of two":      {serviceWith("clusterIP: None, ipFamilyPolicy: PreferDualStack"), ""},
		"a Service with an address":  {serviceWith("clusterIP: 10.96.0.10"), ""},
		"a Service of a node's port": {serviceWith("type: NodePort, externalTrafficPolicy: Local, sessionAffinity: ClientIP"), ""},
		"a load balancer":            {serviceWith("type: LoadBalancer, externalTrafficPolicy: Local, loadBalancerSourceRanges: [10.0.0.0/8]"), ""},
		"an external name":           {"apiVersion: v1\nkind: Service\nmetadata: {name: c}\nspec: {type: ExternalName, externalName: db.example.com}\n", ""},
		"an address that is none":    {serviceWith("clusterIP: here"), `spec.clusterIPs[0]: Invalid value: "here"`},
		"a generated name": {"apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: once-}\nspec:\n  template:\n    spec:\n" +
			"      restartPolicy: Never\n      containers: [{name: a, image: a:1}]\n", ""},
		"a schedule": {"apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly}\nspec:\n  schedule: at midnight\n  jobTemplate:\n" +
			"    spec:\n      template:\n        spec:\n          restartPolicy: Never\n          containers: [{name: a, image: a:1}]\n",
			`spec.schedule: Invalid value: "at midnight"`},
		"a role with names but without resources": {"apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r}\n" +
			"rules: [{verbs: [get], resources: [pods]}]\n", "rules[0].apiGroups: Required value"},
		"a cluster-scoped object with a namespace": {"apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, namespace: shop}\n", ""},
		"an object of another type":                {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: [a]\n", ": cannot be decoded: "},
		"a kind without a definition":              {"apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\n", "unknown kind"},
		"an old version of a kind":                 {"apiVersion: extensions/v1beta1\nkind: Deployment\nmetadata: {name: w}\n", "unknown kind"},
		"a TLS Secret without its key": {"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ntype: kubernetes.io/tls\ndata: {tls.crt: YQ==}\n",
			"data[tls.key]: Required value"},
		"a policy of admission": {"apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: p}\nspec:\n" +
			"  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [CREATE]}]}\n" +
			"  validations: [{expression: 'object.nothing =='}]\n", "spec.validations[0].expression: Invalid value"},
	} {
		t.Run(name, func(t *testing.T) {
			said := ask(t, v, tc.object)
			switch {
			case tc.want == "" && len(said) > 0:
				t.Errorf("refused: %q", said)
			case tc.want != "" && (len(said) == 0 || !strings.HasPrefix(said[0], tc.want)):
				t.Errorf("said %q, want %q", said, tc.want)
			}
		})
	}
}

const widgets = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [size]
            x-kubernetes-validations: [{rule: "self.size <= self.max", message: size must not exceed max}]
            properties:
              size: {type: integer, minimum: 1}
              max: {type: integer, default: 5}
              tags: {type: array, items: {type: string}, x-kubernetes-list-type: set}
          status: {type: object, required: [phase], properties: {phase: {type: string}}}
`

func TestCustomResourcesAreJudgedByTheirDefinition(t *testing.T) {
	v := newest(t)
	if said := ask(t, v, widgets); len(said) > 0 {
		t.Fatalf("the definition: %q", said)
	}
	widget := func(spec string) string {
		return "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\n" + spec
	}
	for name, tc := range map[string]struct{ object, want string }{
		"valid, by a default":             {widget("spec: {size: 5}"), ""},
		"a status is not of the creation": {widget("spec: {size: 5}\nstatus: {}"), ""},
		"a missing field":                 {widget("spec: {}"), "spec.size: Required value"},
		"a bound":                         {widget("spec: {size: 0}"), "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"},
		"a type":                          {widget("spec: {size: big}"), `spec.size: Invalid value: "string": spec.size in body must be of type integer`},
		"a rule in CEL":                   {widget("spec: {size: 6}"), "spec: Invalid value: size must not exceed max"},
		"a set":                           {widget("spec: {size: 1, tags: [a, a]}"), `spec.tags[1]: Duplicate value: "a"`},
		"a field that it does not have":   {widget("spec: {size: 1, colour: red}"), "spec.colour: unknown field"},
		"a name":                          {strings.Replace(widget("spec: {size: 1}"), "name: w", "name: W_1", 1), "metadata.name: Invalid value"},
		"another version":                 {strings.Replace(widget("spec: {size: 1}"), "/v1", "/v2", 1), "unknown kind"},
	} {
		t.Run(name, func(t *testing.T) {
			said := ask(t, v, tc.object)
			if got := strings.Join(said, "\n"); (tc.want == "") != (got == "") || !strings.HasPrefix(got, tc.want) {
				t.Errorf("said %q, want %q", said, tc.want)
			}
		})
	}
	broken := strings.Replace(widgets, "type: integer, minimum: 1", "type: number, minimum: x", 1)
	if said := ask(t, v, broken); len(said) != 1 || !strings.HasPrefix(said[0], ": cannot be decoded: ") {
		t.Errorf("a broken definition: %q", said)
	}
	if said := ask(t, v, strings.Replace(widgets, "self.size <= self.max", "self.nothing", 1)); len(said) == 0 {
		t.Error("a rule that does not compile is taken")
	}
}

func TestKubeOpsOwnObjectsAreTaken(t *testing.T) {
	v := newest(t)
	var all []string
	for _, pattern := range []string{
		"../config/crd/bases/*.yaml", "../config/samples/*.yaml", "../config/samples/*/*.yaml", "../config/rbac/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files %s: %v", pattern, err)
		}
		all = append(all, files...)
	}
	for _, file := range all {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		for _, said := range ask(t, v, "\n"+string(content)) {
			t.Errorf("%s: %s", file, said)
		}
	}
}

func TestWhatTheCallerSendsNeverEndsTheProgram(t *testing.T) {
	v := newest(t)
	for _, line := range []string{
		``, `{`, `null`, `[]`, `{"object":1}`, `{"object":{}}`, `{"object":{"kind":"Pod"}}`, `{"object":{"apiVersion":"v1","kind":"Pod","spec":[]}}`,
		`{"object":{"apiVersion":"apps/v1","kind":"Deployment"}}`, `{"object":{"apiVersion":"a/b/c","kind":"Pod"}}`,
		`{"object":{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition"}}`,
	} {
		if a := v.answer([]byte(line)); a.Known && a.Failure == "" && len(a.Refusals) == 0 {
			t.Errorf("%s is taken", line)
		}
	}
}

// FuzzAnswer sends objects of any shape.
func FuzzAnswer(f *testing.F) {
	v, err := newValidator(newestMinor)
	if err != nil {
		f.Fatal(err)
	}
	for group := range v.strategies {
		f.Add(fmt.Sprintf(`{"object":{"apiVersion":"%s/v1","kind":"%s","metadata":{"name":"a"},"spec":{"template":{}}}}`, group.Group, group.Kind))
	}
	f.Fuzz(func(_ *testing.T, line string) { v.answer([]byte(line)) })
}

// TestAnAnswerIsShort whatever the length of what it quotes: the caller reads 1 MiB of each.
func TestAnAnswerIsShort(t *testing.T) {
	var keys []string
	for i := range maxErrors {
		keys = append(keys, fmt.Sprintf("\"%d%s\": \"\"", i, strings.Repeat("<", 20_000)))
	}
	said := strings.Join(ask(t, newest(t), `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {`+
		strings.Join(keys, ", ")+"}}"), "\n")
	if n := strings.Count(said, "Invalid value"); n != maxErrors || len(said) > 256<<10 {
		t.Errorf("%d refusals, %d bytes", n, len(said))
	}
}
