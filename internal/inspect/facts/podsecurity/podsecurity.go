// Package podsecurity reads the annotations that Pod Security Admission reads.
package podsecurity

import (
	"strings"

	"kubeops.io/kubeops/internal/text"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// maxProfile is the longest value of an annotation that is kept, in runes.
const maxProfile = 1024

// SecurityAnnotations returns the annotations of a Pod or of a template that Pod Security Admission reads, except AppArmor profiles that
// the fields of the spec contain: an annotation without a field becomes one, as the API server does it for Pods. A template and its
// Pods, where the API server sets both, are equal then.
func SecurityAnnotations(annotations map[string]string, spec *corev1.PodSpec) map[string]string {
	var kept map[string]string
	for key, profile := range annotations {
		container, isAppArmor := strings.CutPrefix(key, corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix)
		if !isAppArmor && !IsSeccompAnnotation(key) || isAppArmor && setAppArmorProfile(spec, container, profile) {
			continue
		}
		if kept == nil {
			kept = map[string]string{}
		}
		kept[key] = text.Clip(profile, maxProfile)
	}
	return kept
}

// IsSeccompAnnotation is true for the annotations that clusters before 1.27 read, and Pod Security Standards before 1.19.
func IsSeccompAnnotation(key string) bool {
	return key == corev1.SeccompPodAnnotationKey || strings.HasPrefix(key, corev1.SeccompContainerAnnotationKeyPrefix)
}

// setAppArmorProfile sets the profile of a container from its annotation, unless a field has it. It returns false if no field can
// contain the annotation: its value is invalid, the container does not exist, or its field differs.
func setAppArmorProfile(spec *corev1.PodSpec, container, annotation string) bool {
	profile := appArmorProfile(annotation)
	securityContext := securityContextOf(spec, container)
	if profile == nil || securityContext == nil {
		return false
	}
	if *securityContext != nil && (*securityContext).AppArmorProfile != nil {
		return equalProfiles((*securityContext).AppArmorProfile, profile)
	}
	if spec.SecurityContext != nil && equalProfiles(spec.SecurityContext.AppArmorProfile, profile) {
		return true
	}
	changed := corev1.SecurityContext{}
	if *securityContext != nil {
		changed = **securityContext // shared with the object that is being reduced
	}
	changed.AppArmorProfile = profile
	*securityContext = &changed
	return true
}

// appArmorProfile is the field for the value of an annotation; nil if there is none.
func appArmorProfile(annotation string) *corev1.AppArmorProfile {
	local, isLocal := strings.CutPrefix(annotation, corev1.DeprecatedAppArmorBetaProfileNamePrefix)
	switch {
	case annotation == corev1.DeprecatedAppArmorBetaProfileRuntimeDefault:
		return &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeRuntimeDefault}
	case annotation == corev1.DeprecatedAppArmorBetaProfileNameUnconfined:
		return &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
	case isLocal && local != "":
		return &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeLocalhost, LocalhostProfile: &local}
	default:
		return nil
	}
}

func equalProfiles(a, b *corev1.AppArmorProfile) bool {
	return a != nil && b != nil && a.Type == b.Type && ptr.Deref(a.LocalhostProfile, "") == ptr.Deref(b.LocalhostProfile, "")
}

// securityContextOf is the field securityContext of a container of any type; nil without such a container.
func securityContextOf(spec *corev1.PodSpec, container string) **corev1.SecurityContext {
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			if containers[i].Name == container {
				return &containers[i].SecurityContext
			}
		}
	}
	for i := range spec.EphemeralContainers {
		if spec.EphemeralContainers[i].Name == container {
			return &spec.EphemeralContainers[i].SecurityContext
		}
	}
	return nil
}
