"""Applies a root with 60 schedules that wait for an SQS queue, each time on a new local AWS:  python -m tests.local.apply_often [TIMES]

Before the answers' heads and bodies left together (local/one_write.py), one apply in a dozen repeated a request, and failed by it. Takes
half a minute each, three at a time: for people who touch local/, not for every run of the tests.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from local.aws import REPOSITORY, local_aws
from tools.terraform import Root, TerraformError

AT_ONCE = 3
ROOT = """
provider "aws" {{}}

resource "aws_sqs_queue" "this" {{
  name = "often"
}}

locals {{
  arn = "arn:aws:lambda:ap-northeast-2:000000000000:function:often"
}}

module "sweep" {{
  source       = "{repository}/modules/sweep"
  name         = "often"
  segments     = 60
  function     = {{ name = "often", arn = local.arn }}
  function_arn = local.arn
  depends_on   = [aws_sqs_queue.this]
}}
"""
TRUST = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"lambda.amazonaws.com"}}]}'


def apply(number: int) -> tuple[str, int]:
    """What Terraform had to object to, or "", and how many requests its provider repeated."""
    with local_aws() as aws:
        role = aws.client("iam").create_role(RoleName="function", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        code = {"ZipFile": (REPOSITORY / "dist" / "function.zip").read_bytes()}
        aws.client("lambda").create_function(FunctionName="often", Runtime="python3.13", Handler="x.x", Role=role, Code=code)
        folder, log, error = aws.folder / "root", aws.folder / "provider.log", ""
        folder.mkdir()
        (folder / "main.tf").write_text(ROOT.format(repository=REPOSITORY))
        root = Root(folder, {**aws.environment, "TF_LOG_PROVIDER": "DEBUG", "TF_LOG_PATH": str(log)}, aws.folder / "data")
        try:
            root.init()
            root.apply()
        except TerraformError as problem:
            error = str(problem)
        repeated = log.read_text().count("retrying request")
        print(f"apply {number}: {repeated} requests repeated {error}", flush=True)
        return error, repeated


def main() -> int:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(apply, range(1, times + 1)))
    failed, repeated = sum(bool(error) for error, _ in results), sum(number for _, number in results)
    print(f"{times} applies, {failed} failed, {repeated} requests repeated")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
