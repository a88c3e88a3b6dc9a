{{- define "powerdns.selector" -}}
app.kubernetes.io/name: powerdns
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "powerdns.labels" -}}
{{ include "powerdns.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "powerdns.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* What both containers have in common. */ -}}
{{- define "powerdns.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: ["ALL"]
  add: ["NET_BIND_SERVICE"]
{{- end }}
