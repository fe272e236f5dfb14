package main

// helpKeys are the texts of the command line's help, by the name under which
// the struct tags ask for them.
var helpKeys = []string{
	"home", "json", "init", "id", "send", "recv", "chats", "history", "search", "export", "device", "link", "approve", "list",
	"doctor", "version", "init_name", "init_server", "init_invite", "init_gpg", "init_device", "init_nopass", "link_server", "link_name",
	"approve_text", "send_to", "send_wait", "send_text", "timeout", "recv_follow", "recv_count", "chat", "history_count",
	"history_before", "search_text", "export_dir", "homes", "homes_show", "homes_set", "homes_auto", "homes_list", "trace", "trace_to", "trace_all",
	"account", "listed", "listed_state", "delete", "delete_yes", "delete_keep", "delete_revoke", "revoke", "revoke_device",
	"file", "file_send", "file_get", "file_paths", "file_caption", "file_as", "file_emoji", "file_keep", "file_unsigned", "file_progress",
	"file_id", "file_item", "file_thumb", "file_out", "file_anyway", "quota", "file_poster", "file_waveform", "file_cat", "file_offset", "file_length",
	"lookup", "lookup_who", "lookup_public",
	"search_from", "search_author", "search_kind", "since", "until", "search_next", "search_total", "history_at", "days", "days_month",
	"import", "import_file", "import_path", "import_zone", "import_list", "import_undo", "import_number", "export_format",
	"backup", "backup_create", "backup_verify", "backup_restore", "backup_file",
}
