//! What instances boot with: the template carries the boot script, and no more than EC2 takes.

use std::fs;

use super::{file, template, user_data};

const BEGIN: &str = "# --- boot.sh begin ---\n";
const END: &str = "# --- boot.sh end ---\n";

/// EC2's limit for user data before it is encoded, in bytes.
const LIMIT: usize = 16 * 1_024;

#[test]
fn template_carries_the_boot_script_word_for_word() {
    let (_, rest) = user_data().split_once(BEGIN).unwrap();
    let (body, after) = rest.split_once(END).unwrap();
    assert_eq!(after, "");
    // What the template would otherwise fill in itself is escaped there.
    let body = body.replace("${!", "${");
    let script = fs::read_to_string(file("infra/boot.sh")).unwrap();
    assert_eq!(body, script);
}

#[test]
fn user_data_leaves_room_under_the_limit() {
    // References become names and addresses; none is longer than this.
    let references = user_data().matches("${").count();
    let size = user_data().len() + references * 60;
    assert!(size < LIMIT, "{size} bytes of {LIMIT}");
}

#[test]
fn instances_end_when_they_power_off_and_guard_their_credentials() {
    let data = &template()["Resources"]["LaunchTemplate"]["Properties"]["LaunchTemplateData"];
    assert_eq!(data["InstanceInitiatedShutdownBehavior"], "terminate");
    assert_eq!(data["MetadataOptions"]["HttpTokens"], "required");
    assert_eq!(data["MetadataOptions"]["HttpPutResponseHopLimit"], 1);
    assert_eq!(data["BlockDeviceMappings"][0]["Ebs"]["Encrypted"], true);
    let group = &template()["Resources"]["SecurityGroup"]["Properties"];
    assert!(group["SecurityGroupIngress"].is_null());
}
