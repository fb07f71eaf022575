"""Least-privilege policy documents, from what a pipeline will call.

Each statement holds the actions of one step on the resources of one pipeline. The actions of the ``bedrock-mantle``
prefix and their resource (the project) are those of AWS's service authorization reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from airflow_provider_bedrock_rft.core.errors import InvalidInput
from airflow_provider_bedrock_rft.core.identifiers import Arn, S3Uri
from airflow_provider_bedrock_rft.core.promotion.rollout import Registry

BASIC_EXECUTION = "service-role/AWSLambdaBasicExecutionRole"
MADE_JOB_ROLES = "role/rft-job-*"
"""The roles that are made for jobs of the native plane; named in ``core.job.role``."""
PLANES = ("mantle", "native")
MAX_POLICY_CHARACTERS = 6_144
"""IAM's quota for a managed policy, white space not counted."""

MANTLE_TRAINING = (
    "CreateFile",
    "GetFile",
    "ListFiles",
    "CreateFineTuningJob",
    "GetFineTuningJob",
    "ListFineTuningJobs",
    "CancelFineTuningJob",
)
NATIVE_TRAINING = ("CreateModelCustomizationJob", "GetModelCustomizationJob", "StopModelCustomizationJob")
GRADER_DEPLOYMENT = (
    "GetFunctionConfiguration",
    "CreateFunction",
    "UpdateFunctionCode",
    "UpdateFunctionConfiguration",
    "TagResource",
    "PublishVersion",
    "ListVersionsByFunction",
    "CreateAlias",
    "UpdateAlias",
    "PutFunctionConcurrency",
    "InvokeFunction",
)
NATIVE_BATCH = ("CreateModelInvocationJob", "GetModelInvocationJob")
ROLE_UPKEEP = ("GetRole", "CreateRole", "UpdateAssumeRolePolicy", "PutRolePolicy", "DeleteRolePolicy")


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineNeeds:
    """What one pipeline will touch.

    Attributes:
        account: Twelve digits.
        region: Of every call.
        pipelines: Whose champions are read and moved.
        functions: Names of the graders' Lambda functions that are deployed.
        grader_roles: ARNs of given execution roles; a role is made per function when empty.
        artifacts: ``s3://bucket/prefix`` that are read and written.
        inputs: ``s3://bucket/key`` that are only read, such as datasets.
        planes: ``mantle``, ``native`` or both.
        job_roles: ARNs of the roles that the native plane assumes; they are made per job when empty.
        batch_roles: ARNs of the roles that batch inference assumes; none is asked in batch when empty.
        kms_keys: ARNs of the keys of encrypted buckets.
        cleans_up: Removes old files, models and grader versions too; what any pipeline serves is read, to be spared.
        partition: ``aws``, ``aws-us-gov`` or ``aws-cn``.
    """

    account: str
    region: str
    pipelines: Sequence[str] = ()
    functions: Sequence[str] = ()
    grader_roles: Sequence[str] = ()
    artifacts: Sequence[str] = ()
    inputs: Sequence[str] = ()
    planes: Sequence[str] = ("mantle",)
    job_roles: Sequence[str] = ()
    batch_roles: Sequence[str] = ()
    kms_keys: Sequence[str] = ()
    cleans_up: bool = False
    partition: str = "aws"

    def __post_init__(self) -> None:
        if len(self.account) != 12 or not self.account.isdigit():
            raise InvalidInput(f"{self.account!r} is no AWS account.", action="Give its twelve digits.")
        if unknown := sorted(set(self.planes) - set(PLANES)):
            raise InvalidInput(f"There is no plane {unknown[0]!r}.", action=f"Say {' or '.join(PLANES)}.")
        for arn in (*self.grader_roles, *self.job_roles, *self.batch_roles, *self.kms_keys):
            Arn.parse(arn)

    def arn(self, service: str, resource: str, *, regional: bool = True) -> str:
        """The ARN of a resource of this account."""
        return f"arn:{self.partition}:{service}:{self.region if regional else ''}:{self.account}:{resource}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One ``Allow``.

    Attributes:
        sid: What it is for.
        actions: With their service's prefix.
        resources: ARNs; ``*`` where the service knows no narrower ones.
        conditions: As in the policy language.
    """

    sid: str
    actions: Sequence[str]
    resources: Sequence[str]
    conditions: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def document(self) -> Mapping[str, object]:
        """The statement in the policy language."""
        condition = {"Condition": self.conditions} if self.conditions else {}
        return {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": list(self.resources),
            **condition,
        }


def pipeline_statements(needs: PipelineNeeds) -> Sequence[Statement]:
    """What the identity of the Airflow connection has to be allowed, step by step."""
    planes = {"mantle": _mantle, "native": _native}
    statements = [statement for plane in needs.planes for statement in planes[plane](needs)]
    removing = _clean_up(needs) if needs.cleans_up else ()
    found = (*statements, *_grader(needs), *_storage(needs), *_champion(needs), *removing)
    return [statement for statement in found if statement.resources]


def job_role_statements(needs: PipelineNeeds) -> Sequence[Statement]:
    """What the role has to be allowed that the native plane assumes for a job."""
    invoke = Statement(sid="Grade", actions=["lambda:InvokeFunction"], resources=_functions(needs))
    return [found for found in (invoke, *_storage(needs)) if found.resources]


def job_role_trust(needs: PipelineNeeds) -> Mapping[str, object]:
    """The trust policy of that role: Bedrock, for jobs of this account only."""
    jobs = needs.arn("bedrock", "model-customization-job/*")
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "bedrock.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": needs.account},
                    "ArnLike": {"aws:SourceArn": jobs},
                },
            }
        ],
    }


def policy_document(statements: Sequence[Statement]) -> Mapping[str, object]:
    """The statements as a policy document."""
    return {"Version": "2012-10-17", "Statement": [statement.document() for statement in statements]}


def _mantle(needs: PipelineNeeds) -> Sequence[Statement]:
    projects = needs.arn("bedrock-mantle", "project/*")
    tuned = needs.arn("bedrock-mantle", "customized-model/*")
    return (
        Statement(sid="MantleTrain", actions=_prefixed("bedrock-mantle", MANTLE_TRAINING), resources=[projects]),
        Statement(sid="MantleAsk", actions=["bedrock-mantle:CreateInference"], resources=[projects, tuned]),
        Statement(sid="MantleKey", actions=["bedrock-mantle:CallWithBearerToken"], resources=["*"]),
    )


def _native(needs: PipelineNeeds) -> Sequence[Statement]:
    base = f"arn:{needs.partition}:bedrock:{needs.region}::foundation-model/*"
    jobs, models = needs.arn("bedrock", "model-customization-job/*"), needs.arn("bedrock", "custom-model/*")
    deployments = needs.arn("bedrock", "custom-model-deployment/*")
    deploy = [f"{verb}CustomModelDeployment" for verb in ("Create", "Get", "Update", "Delete")]
    profiles, bases = needs.arn("bedrock", "inference-profile/*"), base.replace(f":{needs.region}:", ":*:")
    passed = {"StringEquals": {"iam:PassedToService": "bedrock.amazonaws.com"}}
    made = [] if needs.job_roles else [needs.arn("iam", MADE_JOB_ROLES, regional=False)]
    batch_jobs = needs.arn("bedrock", "model-invocation-job/*")
    batch = [bases, profiles, models, batch_jobs] if needs.batch_roles else []
    return (
        Statement(
            sid="NativeTrain",
            actions=_prefixed("bedrock", (*NATIVE_TRAINING, "TagResource")),
            resources=[base, jobs, models],
        ),
        Statement(
            sid="NativeList",
            actions=_prefixed("bedrock", ("ListModelCustomizationJobs", "ListCustomModelDeployments")),
            resources=["*"],
        ),
        Statement(sid="NativeServe", actions=_prefixed("bedrock", deploy), resources=[models, deployments]),
        Statement(sid="NativeAsk", actions=["bedrock:InvokeModel"], resources=[bases, profiles, deployments]),
        Statement(sid="NativeRole", actions=_prefixed("iam", ROLE_UPKEEP), resources=made),
        Statement(sid="NativePass", actions=["iam:PassRole"], resources=made or needs.job_roles, conditions=passed),
        Statement(sid="NativeBatch", actions=_prefixed("bedrock", NATIVE_BATCH), resources=batch),
        Statement(sid="NativeBatchPass", actions=["iam:PassRole"], resources=needs.batch_roles, conditions=passed),
    )


def _grader(needs: PipelineNeeds) -> Sequence[Statement]:
    made = [] if needs.grader_roles else [role_of(needs, name) for name in needs.functions]
    basic = f"arn:{needs.partition}:iam::aws:policy/{BASIC_EXECUTION}"
    passed = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    return (
        Statement(sid="Grader", actions=_prefixed("lambda", GRADER_DEPLOYMENT), resources=_functions(needs)),
        Statement(sid="GraderRole", actions=_prefixed("iam", ROLE_UPKEEP), resources=made),
        Statement(
            sid="GraderLog",
            actions=["iam:AttachRolePolicy"],
            resources=made,
            conditions={"ArnEquals": {"iam:PolicyARN": basic}},
        ),
        Statement(sid="GraderPass", actions=["iam:PassRole"], resources=made or needs.grader_roles, conditions=passed),
    )


def role_of(needs: PipelineNeeds, function_name: str) -> str:
    """The execution role that a deployment makes for a function."""
    return needs.arn("iam", f"role/{function_name[:59]}-role", regional=False)


def _storage(needs: PipelineNeeds) -> Sequence[Statement]:
    kept, read = [_below(needs, uri) for uri in needs.artifacts], [_object(needs, uri) for uri in needs.inputs]
    buckets = sorted(
        {f"arn:{needs.partition}:s3:::{S3Uri.parse(uri).bucket}" for uri in (*needs.artifacts, *needs.inputs)}
    )
    return (
        Statement(sid="List", actions=["s3:ListBucket"], resources=buckets),
        Statement(
            sid="Keep", actions=_prefixed("s3", ("GetObject", "PutObject", "AbortMultipartUpload")), resources=kept
        ),
        Statement(sid="Read", actions=["s3:GetObject"], resources=read),
        Statement(sid="Keys", actions=_prefixed("kms", ("Decrypt", "GenerateDataKey")), resources=needs.kms_keys),
    )


def _champion(needs: PipelineNeeds) -> Sequence[Statement]:
    names = [Registry(pipeline=name).champion.rpartition("/")[0] for name in needs.pipelines]
    parameters = [needs.arn("ssm", f"parameter{name}/*") for name in names]
    return (
        Statement(sid="Champion", actions=_prefixed("ssm", ("GetParameter", "PutParameter")), resources=parameters),
    )


def _clean_up(needs: PipelineNeeds) -> Sequence[Statement]:
    """Where a pipeline's clean-up looks and removes; what it may remove is decided by its policy and the manifests."""
    root = Registry(pipeline="any").root
    mantle = [needs.arn("bedrock-mantle", kind) for kind in ("project/*", "customized-model/*")]
    is_native = "native" in needs.planes
    native = [needs.arn("bedrock", kind) for kind in ("custom-model/*", "provisioned-model/*")] if is_native else []
    unserved = ("DeleteCustomModel", "GetProvisionedModelThroughput", "DeleteProvisionedModelThroughput")
    removed = _prefixed("bedrock-mantle", ("DeleteFile", "DeleteCustomizedModel"))
    return (
        Statement(sid="CleanMantle", actions=removed, resources=mantle if "mantle" in needs.planes else []),
        Statement(sid="CleanNative", actions=_prefixed("bedrock", unserved), resources=native),
        Statement(
            sid="CleanList",
            actions=["bedrock:ListProvisionedModelThroughputs"],
            resources=["*"] if is_native else [],
        ),
        Statement(
            sid="CleanGrader",
            actions=_prefixed("lambda", ("DeleteFunction",)),
            resources=[arn for arn in _functions(needs) if arn.endswith(":*")],
        ),
        Statement(
            sid="Spare",
            actions=_prefixed("ssm", ("GetParameter", "GetParametersByPath")),
            resources=[needs.arn("ssm", f"parameter{root}"), needs.arn("ssm", f"parameter{root}/*")],
        ),
    )


def _functions(needs: PipelineNeeds) -> Sequence[str]:
    functions = [needs.arn("lambda", f"function:{name}") for name in needs.functions]
    return [arn for function in functions for arn in (function, f"{function}:*")]


def _below(needs: PipelineNeeds, uri: str) -> str:
    place = S3Uri.parse(uri)
    return f"arn:{needs.partition}:s3:::{'/'.join(filter(None, (place.bucket, place.key.strip('/'), '*')))}"


def _object(needs: PipelineNeeds, uri: str) -> str:
    place = S3Uri.parse(uri)
    is_file = bool(place.key) and not uri.endswith("/")
    return f"arn:{needs.partition}:s3:::{place.bucket}/{place.key}" if is_file else _below(needs, uri)


def _prefixed(service: str, actions: Sequence[str]) -> Sequence[str]:
    return [f"{service}:{action}" for action in actions]
