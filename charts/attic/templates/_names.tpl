{{- define "attic.selector" -}}
app.kubernetes.io/name: attic
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "attic.labels" -}}
{{ include "attic.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}
