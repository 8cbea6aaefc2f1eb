"""A workflow as somebody follows it in the browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.product import Product

SOURCE = """title: Ask and greet
steps:
  hello:
    type: echo
  ask:
    needs: [hello]
    waitFor:
      approval:
        title: Send it?
        fields: {price: {type: number, title: Price}}
  send:
    needs: [ask]
    type: echo
    input: {text: "for ${{ steps.ask.result.fields.price }}"}
"""


def test_the_graph_follows_a_run_and_its_approval(page: Page, working_product: Product) -> None:
    page.goto("/workflows/new")
    page.get_by_label("Name").fill("ask-and-greet")
    page.get_by_label("Definition").fill(SOURCE.replace("[hello]", "[nobody]"))
    expect(page.locator("#checked")).to_contain_text("there is no step 'nobody'.")
    page.get_by_label("Definition").fill(SOURCE)
    expect(page.locator("#checked")).to_contain_text("Nothing is wrong.")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Start").click()

    def node(key: str, state: str) -> None:
        expect(page.locator(f'.flow-node[data-step="{key}"]')).to_have_attribute("data-step-state", state)
        expect(page.locator(f'[data-list-step="{key}"] .badge')).to_contain_text(
            "Not begun" if state == "pending" else state.capitalize()
        )

    node("ask", "waiting")
    node("hello", "completed")
    node("send", "pending")
    steps = page.get_by_role("list", name="Steps in their order").get_by_role("listitem")
    expect(steps).to_have_count(3)
    page.get_by_role("link", name="Answer…").click()
    page.get_by_label("Price").fill("12")
    page.get_by_role("button", name="Approve").click()
    node("send", "completed")
    expect(page.locator(".panel")).to_contain_text("Job completed")
    page.locator('[data-list-step="send"]').get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ask and greet · send")
