"""media-nommer as part of a CDK app: the stack that this makes is infra/template.yaml, which stays the one source.

Pack it first, so that CodeUri names zips in a bucket of yours:
    sam package --template-file infra/template.yaml --s3-bucket BUCKET --output-template-file packaged.yaml
    NOMMER_TEMPLATE=packaged.yaml cdk deploy --app "python infra/cdk/app.py"
"""

import os
from pathlib import Path

# The check that the CDK has built in (aws-cdk-lib 2.275) takes many minutes over a template of this size. cfn-lint checks ours.
os.environ.setdefault("CDK_VALIDATION", "false")

from aws_cdk import App, Stack  # noqa: E402
from aws_cdk.cloudformation_include import CfnInclude  # noqa: E402

TEMPLATE = Path(__file__).parent.parent / "template.yaml"

app = App()
stack = Stack(app, os.environ.get("NOMMER_STACK", "nommer"))
nommer = CfnInclude(
    stack,
    "Nommer",
    template_file=os.environ.get("NOMMER_TEMPLATE", str(TEMPLATE)),
    preserve_logical_ids=True,
    # What differs from the template's defaults, for example: parameters={"FleetMax": 10}
)
app.synth()
