{{- define "prpc.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* Leaves room for the longest suffix, "-leader-election". */}}
{{- define "prpc.fullname" -}}
{{- $name := include "prpc.name" . }}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- default $full .Values.fullnameOverride | trunc 47 | trimSuffix "-" }}
{{- end }}

{{- /* Not `default`, where one must be given: every pod of the namespace would get the operator's rights. */}}
{{- define "prpc.serviceAccountName" -}}
{{- $own := .Values.serviceAccount.create | ternary (include "prpc.fullname" .) "" }}
{{- default $own .Values.serviceAccount.name | required "serviceAccount.create=false needs the name of one: set serviceAccount.name" }}
{{- end }}

{{- define "prpc.selectorLabels" -}}
app.kubernetes.io/name: {{ include "prpc.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- /*
metadata of an object: root, name, and optionally namespace, labels, annotations.
Merged as maps, so that a label which the user sets too is not rendered twice.
*/}}
{{- define "prpc.metadata" -}}
{{- $own := dict
  "app.kubernetes.io/version" .root.Chart.AppVersion
  "app.kubernetes.io/managed-by" .root.Release.Service
  "app.kubernetes.io/part-of" "prpc"
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_")
}}
{{- $selector := include "prpc.selectorLabels" .root | fromYaml }}
{{- $labels := mergeOverwrite (deepCopy .root.Values.commonLabels) $own $selector (default dict .labels) }}
{{- $annotations := mergeOverwrite (deepCopy .root.Values.commonAnnotations) (default dict .annotations) -}}
name: {{ .name }}
{{- with .namespace }}
namespace: {{ . }}
{{- end }}
labels:
  {{- toYaml $labels | nindent 2 }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* metadata of an object of the release's namespace that bears the release's name. */}}
{{- define "prpc.ownMetadata" -}}
{{ include "prpc.metadata" (dict "root" . "name" (include "prpc.fullname" .) "namespace" .Release.Namespace) }}
{{- end }}

{{- /* An image's name: root and image. */}}
{{- define "prpc.image" -}}
{{- with .image.registry }}{{ . }}/{{ end }}{{ .image.repository }}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ default .root.Chart.AppVersion .image.tag }}{{ end }}
{{- end }}
