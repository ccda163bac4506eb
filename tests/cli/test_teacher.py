"""``crossover teacher check``: three calls to a server, and what they say."""

import json

import pytest
from typer.testing import CliRunner

from crossover.cli import app
from misbehaving import Scripted, completion


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ("They make 17.\n#### 17", 0, "All three replies can be used."),
        ("That depends.", 2, "No final answer can be read in it"),
    ],
)
def test_three_calls_say_whether_a_server_can_be_used(answer, status, said):
    def reply(body, number, path):
        (field,) = body["response_format"]["json_schema"]["schema"]["properties"]
        text = answer if number == 1 else f"What is {number} and 8 together?"
        return 200, completion(json.dumps({field: text}))

    with Scripted(reply) as server:
        asked = ["--teacher-model", "alpha", "--base-url", server.base_url, "--price-out", "10"]
        done = CliRunner().invoke(app, ["teacher", "check", *asked])
    assert len(server.asked) == 3 and done.exit_code == status, done.output
    assert said in done.output and "Structure: JSON schema" in done.output
    assert "Price of a thousand such calls: 0.05" in done.output
