{{- define "awala.name" -}}
{{- default .Chart.Name .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "awala.labels" -}}
app.kubernetes.io/name: awala-gateway
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "awala.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}

{{- define "awala.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "awala.name" .) .Values.serviceAccount.name }}{{ else }}{{ default "default" .Values.serviceAccount.name }}{{ end -}}
{{- end -}}

{{/* The pod's settings: the file, the secrets, and the addresses to listen on. */}}
{{- define "awala.container" -}}
image: {{ include "awala.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: config, mountPath: /etc/awala-gateway, readOnly: true}
  - {name: secrets, mountPath: /run/secrets/awala-gateway, readOnly: true}
  - {name: tmp, mountPath: /tmp}
  {{- if .Values.caConfigMap }}
  - {name: ca, mountPath: /run/ca, readOnly: true}
  {{- end }}
{{- end -}}

{{/* What the pod has in its environment; for the init job, with its own NATS user. */}}
{{- define "awala.env" -}}
{{- $init := default dict .init -}}
- {name: AWALA_CONFIG, value: /etc/awala-gateway/config.yaml}
- {name: AWALA_POWEB_LISTEN, value: ":8080"}
- {name: AWALA_POHTTP_LISTEN, value: ":8081"}
- {name: AWALA_COGRPC_LISTEN, value: ":8082"}
- {name: AWALA_ADMIN_LISTEN, value: ":8083"}
{{- if $init.natsUser }}
- {name: AWALA_NATS_USER, value: {{ $init.natsUser | quote }}}
- {name: AWALA_NATS_PASSWORD_FILE, value: {{ printf "/run/secrets/awala-gateway/%s" $init.natsPasswordKey }}}
{{- end }}
{{- range .Values.secret.keys }}
{{- if not (and $init.natsUser (eq . "nats-password")) }}
- {name: {{ printf "AWALA_%s_FILE" (upper . | replace "-" "_") }}, value: {{ printf "/run/secrets/awala-gateway/%s" . }}}
{{- end }}
{{- end }}
{{- if .Values.caConfigMap }}
- {name: SSL_CERT_DIR, value: "/etc/ssl/certs:/run/ca"}
- {name: VAULT_CACERT, value: /run/ca/ca.crt}
{{- end }}
{{- end -}}

{{- define "awala.pod" -}}
serviceAccountName: {{ include "awala.serviceAccount" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
volumes:
  - {name: config, configMap: {name: {{ include "awala.name" . }}}}
  - {name: secrets, secret: {secretName: {{ .Values.secret.name }}, defaultMode: 0440}}
  - {name: tmp, emptyDir: {}}
  {{- if .Values.caConfigMap }}
  - {name: ca, configMap: {name: {{ .Values.caConfigMap }}}}
  {{- end }}
{{- end -}}
