package main

// helpKeys are the texts of the command line's help, by the name under which
// the struct tags ask for them.
var helpKeys = []string{
	"version", "serve", "serve_config", "serve_check", "dev", "dev_n", "dev_dir", "dev_json", "dev_log",
	"config", "trace", "trace_fpr", "trace_at", "json_line", "json_object", "join",
	"status", "running_config", "invite", "invite_make", "invite_list", "invite_revoke", "invite_uses", "invite_expires", "invite_note", "invites_json", "revoke_id",
	"join_config", "join_explain", "evidence", "evidence_config", "evidence_dir", "evidence_json", "vouch",
	"vouch_config", "vouch_cert", "backup", "backup_dir", "backup_config", "restore", "restore_dir", "restore_config", "sim", "sim_n", "sim_seed", "sim_hours", "sim_restarts", "sim_deaths",
	"sim_downtime", "sim_nat", "sim_silent", "sim_only", "sim_events", "sim_until", "sim_json", "sim_html", "sim_quiet",
}
