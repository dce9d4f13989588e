//! Instances of EC2, on the emulator.

use aws_sdk_ec2::types::RequestLaunchTemplateData;
use nommer_aws_fleet::{Ec2Fleet, Ec2FleetConfig, Market};
use uuid::Uuid;

use super::super::FleetWorld;
use crate::emulator::moto;

/// Two stacks of one account.
pub(crate) struct Ec2([Ec2Fleet; 2]);

/// The fleet of a stack with a fresh name.
pub(crate) async fn fleet_of() -> Ec2Fleet {
    let sdk = moto().config().await;
    let client = aws_sdk_ec2::Client::new(&sdk);
    let name = format!("test-{}", Uuid::new_v4().simple());
    let data = RequestLaunchTemplateData::builder().image_id("ami-12c6146b");
    let made = client
        .create_launch_template()
        .launch_template_name(&name)
        .launch_template_data(data.build())
        .send()
        .await
        .unwrap();
    let template = made.launch_template.unwrap().launch_template_id.unwrap();
    let subnets = client.describe_subnets().send().await.unwrap();
    let config = Ec2FleetConfig {
        stack: name,
        launch_template_id: template,
        subnet_ids: vec![subnets.subnets()[0].subnet_id().unwrap().to_owned()],
        instance_types: vec!["c5.xlarge".to_owned()],
        market: Market::OnDemand,
    };
    Ec2Fleet::new(&sdk, config)
}

impl FleetWorld for Ec2 {
    type Fleet = Ec2Fleet;

    async fn new() -> Self {
        Self([fleet_of().await, fleet_of().await])
    }

    fn fleet(&self) -> &Ec2Fleet {
        &self.0[0]
    }

    fn other(&self) -> &Ec2Fleet {
        &self.0[1]
    }
}
