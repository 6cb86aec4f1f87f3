//! What terminals and servers say to each other, checked byte for byte: every transcript has a check here, and properties
//! hold what no example shows.

#![expect(clippy::unwrap_used, reason = "a check that cannot go on has failed")]

mod corpus;
mod flows;
mod handshake;
mod nasty;
mod poll;
mod properties;
mod punches;
mod results;
mod security;
mod transcript;
mod uploads;

use std::{collections::BTreeSet, fs};

use transcript::Transcript;

/// One test per transcript, named like its file.
macro_rules! checks {
    ($($module:ident: $($check:ident)*;)*) => {
        const CHECKED: &[&str] = &[$($(stringify!($check)),*),*];

        $($(
            #[test]
            fn $check() {
                let transcript = Transcript::read(stringify!($check));
                transcript.conforms();
                let is_short = transcript.exchanges.iter().any(|exchange| exchange.declared != exchange.body.len());
                assert_eq!(is_short, stringify!($check) == "nasty_short_body");
                $module::$check(&transcript);
            }
        )*)*
    };
}

checks! {
    handshake:
        handshake_a2 handshake_early_2x handshake_a1 handshake_aspx handshake_odd_parameters
        handshake_proxy_absolute_form handshake_unknown_device time_sync_type_time ping options_upload
        exchange_publickey remote_att;
    punches:
        attlog_a2 attlog_a1_4col attlog_a1_no_table attlog_no_content_type attlog_form_content_type
        attlog_crlf_blank_no_final_eol attlog_duplicate_batch attlog_history_128 attlog_column11_serial
        attlog_odd_records attlog_pid_idcard;
    uploads:
        operlog_mixed operlog_user_long_form operlog_a1_opstamp operlog_empty operlog_enrol_without_user biodata_upload
        biophoto_in_operlog attphoto_binary attphoto_failed_verify fdata_legacy_photo fdata_raw_jpeg
        errorlog_photo_rejected operlog_tgz;
    poll:
        getrequest_idle getrequest_info_13 getrequest_info_9 getrequest_single getrequest_batch putfile_relative_fetch;
    results:
        devicecmd_batch devicecmd_crlf_lowercase_sn devicecmd_info devicecmd_shell devicecmd_getfile_binary
        devicecmd_mixture devicecmd_in_query_string devicecmd_duplicate_and_unknown devicecmd_form_content_type;
    flows:
        flow_upsert_and_read_back flow_absence_with_sentinel flow_absence_unknown flow_user_list_works
        flow_user_list_partial flow_user_list_ignored flow_pin_query_legacy flow_stamp_reset_dump
        flow_ack_without_effect flow_result_before_upload flow_verify_sum flow_gap_query flow_enroll_fp flow_set_option
        flow_biophoto_push flow_unsupported_words;
    security:
        security_session_setup security_known_device security_rtlog_rtstate security_user_upload
        security_upsert_authorize security_query_users_packets security_count security_wrong_dialect
        security_pending_subcontroller security_time;
    nasty:
        nasty_gb18030_name nasty_truncated_utf8_name nasty_lowercase_params_missing_table nasty_short_body
        nasty_chatty_empty_operlog nasty_name_injection nasty_unprefixed_command nasty_unterminated_command
        nasty_unfiltered_delete nasty_unknown_endpoint nasty_unknown_table nasty_one_command_per_poll
        nasty_getrequest_raw_space;
}

#[test]
fn every_transcript_has_a_check() {
    let files = fs::read_dir(transcript::DIRECTORY).unwrap().map(|entry| entry.unwrap().file_name());
    let names = files.filter_map(|name| name.to_str()?.strip_suffix(".http").map(|name| name.replace('-', "_")));
    let names: BTreeSet<String> = names.collect();
    let checked: BTreeSet<String> = CHECKED.iter().copied().map(str::to_owned).collect();
    assert_eq!(checked, names);
    assert_eq!(checked.len(), 90);
}
