{{- /* kubeops.image is the reference of an image: (dict "image" IMAGE "root" $). */ -}}
{{- define "kubeops.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- /* kubeops.impersonated are the names of a role. Without a name the role would hold for all ServiceAccounts. */ -}}
{{- define "kubeops.impersonated" -}}
{{- if not .Values.impersonatedServiceAccounts }}{{ fail "impersonatedServiceAccounts has no name" }}{{ end -}}
{{ toJson .Values.impersonatedServiceAccounts }}
{{- end -}}

{{- /* kubeops.podMetadata of a Pod: (dict "name" NAME "annotations" ANNOTATIONS "labels" LABELS "root" $). */ -}}
{{- define "kubeops.podMetadata" -}}
labels:
  {{- toYaml (merge (dict "app.kubernetes.io/name" .name) (.labels | default dict) (.root.Values.podLabels | default dict)) | nindent 2 }}
{{- with merge (dict) .annotations (.root.Values.podAnnotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* kubeops.pod are the fields that all Pods have. */ -}}
{{- define "kubeops.pod" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- with $.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $.Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $.Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* kubeops.containerSecurity is what level restricted of Pod Security demands, and a root file system that cannot be written. */ -}}
{{- define "kubeops.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{- /* kubeops.memoryLimit makes the garbage collector work harder before the kernel has to kill. Go follows a CPU limit. */ -}}
{{- define "kubeops.memoryLimit" -}}
- name: GOMEMLIMIT
  valueFrom:
    resourceFieldRef: {resource: limits.memory}
{{- end -}}

{{- /* kubeops.probes of the manager and of workers. */ -}}
{{- define "kubeops.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: probes}
  periodSeconds: 2
  failureThreshold: 300
livenessProbe:
  httpGet: {path: /healthz, port: probes}
  periodSeconds: 10
readinessProbe:
  httpGet: {path: /readyz, port: probes}
  periodSeconds: 5
{{- end -}}

{{- /* kubeops.validate refuses values that do not fit each other. */ -}}
{{- define "kubeops.validate" -}}
{{- if not .Values.clusterScoped.install }}
{{- if not .Values.namespaces }}{{ fail "clusterScoped.install: false needs the namespaces that the manager serves (namespaces)" }}{{ end }}
{{- range $component := list "dashboard" "logCollection" }}
{{- if index $.Values.components $component }}
{{- fail (printf "components.%s needs ClusterRoles, and so clusterScoped.install: true" $component) }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
