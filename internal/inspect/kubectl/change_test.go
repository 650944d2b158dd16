package kubectl_test

import (
	"testing"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/remedy"
)

func TestChangesBecomeInstructions(t *testing.T) {
	for command, want := range map[remedy.Text]remedy.Text{
		"`kubectl -n shop scale deployment cart --replicas=2`":                                           "Set spec.replicas to 2",
		"`kubectl -n shop set resources deployment cart -c api --requests=cpu=950m`":                     "Set resources.requests.cpu to 950m in container api",
		"`kubectl set resources deployment cart -c api --requests=cpu=1,memory=1Gi --limits=memory=2Gi`": "Set resources.requests.cpu to 1 and resources.requests.memory to 1Gi and resources.limits.memory to 2Gi in container api",
		"`kubectl set image deployment/cart api=example.com/api:2`":                                      "Set the image of container api to example.com/api:2",
		"`kubectl patch hpa cart -p '{\"spec\":{\"maxReplicas\":5}}'`":                                   "Set spec.maxReplicas to 5",
		"`kubectl patch hpa cart --type=merge -p '{\"spec\":{\"a\":{\"b\":null,\"c\":\"x y\"}}}'`":       "Remove spec.a.b and set spec.a.c to x y",
		"`kubectl patch pv data --type=json -p '[{\"op\":\"remove\",\"path\":\"/spec/claimRef\"}]'`":     "Remove spec.claimRef",
		"`kubectl patch hpa cart -p '{\"spec\":{\"maxReplicas\":<number>}}'`":                            "Change HorizontalPodAutoscaler cart",
		"`kubectl -n shop edit service cart`":                                                            "Change Service cart",
		"`kubectl edit clusterrole -- -x`":                                                               "Change ClusterRole -x",
		"`kubectl edit widget.example.com w`":                                                            "Change widget w",
		"`kubectl edit <kind> <name>`":                                                                   "Change it",
		"`kubectl -n shop delete hpa cart`":                                                              "Remove HorizontalPodAutoscaler cart",
		"`kubectl delete configmap a b`":                                                                 "Remove ConfigMap a and b",
		"`kubectl label namespace shop --overwrite a=b c-`":                                              "Set label a to b and remove label c",
		"`kubectl annotate ingress shop example.com/a=b`":                                                "Set annotation example.com/a to b",
		"`kubectl rollout undo deployment/cart`":                                                         "Revert the last change of Deployment cart",
		"`kubectl rollout resume deployment cart`":                                                       "Set spec.paused to false",
		"`kubectl delete pods --field-selector status.phase=Failed`":                                     "Remove those of kind Pod",
		"`kubectl rollout restart deployment cart`":                                                      "`kubectl rollout restart deployment cart`",
		"`kubectl label --dry-run=server namespace shop a=b`":                                            "`kubectl label --dry-run=server namespace shop a=b`",
		"`kubectl get pods -A | grep x`":                                                                 "`kubectl get pods -A | grep x`",
		"`kubectl create secret generic x --from-literal=a=b`":                                           "`kubectl create secret generic x --from-literal=a=b`",
		"`helm upgrade x y`": "`helm upgrade x y`",
	} {
		got := remedy.Rewrite(command, func(words []string) (remedy.Text, bool) {
			for _, call := range kubectl.Parse(words) {
				if call.Changes() {
					return call.Change(), true
				}
			}
			return "", false
		})
		if got != want {
			t.Errorf("%s\ngot  %s\nwant %s", command, got, want)
		}
	}
}

func TestObjectsOfACall(t *testing.T) {
	deployment := facts.Ref{Kind: facts.Deployment, Namespace: "shop", Name: "cart"}
	for command, want := range map[remedy.Text][]facts.Ref{
		"`kubectl -n shop edit deployment cart`":           {deployment},
		"`kubectl -n shop edit deploy/cart`":               {deployment},
		"`kubectl --namespace=shop edit deployments cart`": {deployment},
		"`kubectl edit clusterrole 'a b'`":                 {{Kind: facts.ClusterRole, Name: "a b"}},
		"`kubectl -n shop delete pv a b`":                  {{Kind: facts.PV, Name: "a"}, {Kind: facts.PV, Name: "b"}},
		"`kubectl edit deployment <name>`":                 nil,
		"`kubectl edit widget w`":                          nil,
		"`kubectl`":                                        nil,
		"`kubectl edit`":                                   nil,
	} {
		remedy.Rewrite(command, func(words []string) (remedy.Text, bool) {
			got := kubectl.Parse(words)[0].Objects()
			if len(got) != len(want) {
				t.Errorf("%s: got %v, want %v", command, got, want)
			}
			for i := range got {
				if i < len(want) && got[i] != want[i] {
					t.Errorf("%s: got %v, want %v", command, got, want)
				}
			}
			return "", false
		})
	}
}

// FuzzParse checks that no command is misread so that a panic follows.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"`kubectl -n a patch x y -p '{}'`", "`kubectl | || ; kubectl set`", "`kubectl rollout`", "`kubectl label a`", "` `", "``"} {
		f.Add(text)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		remedy.Rewrite(remedy.Authored(text), func(words []string) (remedy.Text, bool) {
			for _, call := range kubectl.Parse(words) {
				call.Objects()
				if call.Changes() {
					return call.Change(), true
				}
			}
			return "", false
		})
	})
}
