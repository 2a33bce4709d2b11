"""A website in the developer's own browser, by whatever name, can neither use the local AWS nor hear of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from local.aws import REGION, LocalAws

pytestmark = pytest.mark.xdist_group("browser")

SIGNED = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=test/20261127/{REGION}/sqs/aws4_request&X-Amz-Signature=0"
# What needs no leave of the server: a simple request, a form, an image, a WebSocket. What came back, as far as the page may know.
ATTACK = """async ([url, signed]) => {
    const create = (name) => `Action=CreateQueue&Version=2012-11-05&QueueName=${name}&${signed}`;
    const heard = [];
    for (const path of [`/?${create('by-fetch')}`, '/_ministack/reset', '/_ministack/health'])
        for (const method of ['POST', 'GET'])
            await fetch(url + path, { method, mode: 'no-cors', credentials: 'include' }).catch(() => {});
    await fetch(`${url}/_ministack/health`).then((answer) => heard.push('fetch'), () => {});
    const frame = Object.assign(document.createElement('iframe'), { name: 'answer' });
    const form = document.createElement('form');
    Object.assign(form, { method: 'POST', action: `${url}/?${create('by-form')}`, target: 'answer', enctype: 'text/plain' });
    document.body.append(form, frame);
    await new Promise((resolve) => { frame.onload = resolve; form.submit(); });
    await new Promise((resolve) => Object.assign(new Image(), { onerror: resolve, onload: resolve, src: `${url}/?${create('by-image')}` }));
    await new Promise((resolve) => {
        const socket = new WebSocket(`${url.replace('http', 'ws')}/_aws/execute-api/API/dev`);
        socket.onopen = () => { heard.push('socket'); resolve(); };
        socket.onerror = resolve;
    });
    return heard;
}"""


@pytest.fixture
def api_id(aws: LocalAws) -> str:
    gateway = aws.client("apigatewayv2")
    api_id = gateway.create_api(Name="attacked", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")["ApiId"]
    gateway.create_stage(ApiId=api_id, StageName="dev", AutoDeploy=True)
    return str(api_id)


@pytest.mark.parametrize("rebound", [False, True], ids=["by address", "by a rebound name"])
@pytest.mark.parametrize("behind", ["MiniStack", "the fault proxy"])
def test_a_website_can_do_nothing_to_the_local_aws(elsewhere: Page, aws: LocalAws, api_id: str, behind: str, rebound: bool) -> None:
    url = aws.endpoint if behind == "MiniStack" else aws.faults.url
    url = url.replace("127.0.0.1", "rebound.test") if rebound else url
    assert elsewhere.evaluate(ATTACK.replace("API", api_id), [url, SIGNED]) == []
    assert aws.client("sqs").list_queues(QueueNamePrefix="by-").get("QueueUrls", []) == []
    assert [api["ApiId"] for api in aws.client("apigatewayv2").get_apis()["Items"]] == [api_id]  # nothing was reset
    aws.client("apigatewayv2").delete_api(ApiId=api_id)
