// Package config has the manifests of an installation that programs compare a cluster with: the CustomResourceDefinitions, the roles of the
// manager and the admission policies, as `kubectl apply -k config/default` applies them.
package config

import (
	"bufio"
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

//go:embed crd/bases/*.yaml rbac/role.yaml rbac/leader_election.yaml rbac/impersonation.yaml admission/approvals.yaml
//go:embed admission/service_accounts.yaml
var files embed.FS

// CRDs are the CustomResourceDefinitions, by name.
func CRDs() ([]*apiextensionsv1.CustomResourceDefinition, error) {
	var list []*apiextensionsv1.CustomResourceDefinition
	err := EachCRD(func(crd *apiextensionsv1.CustomResourceDefinition) error {
		list = append(list, crd)
		return nil
	})
	return list, err
}

// EachCRD calls visit with each CustomResourceDefinition, by name. All of them together take many MiB.
func EachCRD(visit func(*apiextensionsv1.CustomResourceDefinition) error) error {
	return documents("crd/bases/*.yaml", func(_ string, content []byte) error {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(content, crd); err != nil {
			return err
		}
		return visit(crd)
	})
}

// Role is a Role or ClusterRole of the manager.
type Role struct {
	// Kind is Role or ClusterRole.
	Kind string
	// Name of the role.
	Name string
	// File with the role, below the folder of the manifests.
	File string
	// Rules of the role.
	Rules []rbacv1.PolicyRule
}

// Roles that the default installation binds to the ServiceAccount of the manager.
func Roles() ([]Role, error) {
	var list []Role
	for _, file := range []string{"rbac/role.yaml", "rbac/leader_election.yaml", "rbac/impersonation.yaml"} {
		err := documents(file, func(kind string, content []byte) error {
			if kind != "Role" && kind != "ClusterRole" {
				return nil
			}
			role := &rbacv1.ClusterRole{} // a Role has the same fields
			err := yaml.Unmarshal(content, role)
			list = append(list, Role{Kind: kind, Name: role.Name, File: file, Rules: role.Rules})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Policies are the ValidatingAdmissionPolicies. Each has a ValidatingAdmissionPolicyBinding of the same name.
func Policies() ([]*admissionv1.ValidatingAdmissionPolicy, error) {
	var list []*admissionv1.ValidatingAdmissionPolicy
	err := documents("admission/*.yaml", func(kind string, content []byte) error {
		if kind != "ValidatingAdmissionPolicy" {
			return nil
		}
		policy := &admissionv1.ValidatingAdmissionPolicy{}
		list = append(list, policy)
		return yaml.Unmarshal(content, policy)
	})
	return list, err
}

// documents calls visit with each YAML document of the files that a pattern matches, in order.
func documents(pattern string, visit func(kind string, content []byte) error) error {
	names, err := fs.Glob(files, pattern)
	if err != nil {
		return err
	}
	for _, name := range names {
		content, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		if err := eachDocument(content, visit); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func eachDocument(content []byte, visit func(kind string, content []byte) error) error {
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		header := metav1.TypeMeta{}
		if err := yaml.Unmarshal(document, &header); err != nil {
			return err
		}
		if header.Kind == "" {
			continue // only comments
		}
		if err := visit(header.Kind, document); err != nil {
			return err
		}
	}
}
