//! What Vercel's log drains send.

use serde_json::json;

use super::{post, rows, send};
use crate::embedded::{SERVER, sql};
use crate::support::now;

#[tokio::test]
async fn logs_become_rows() {
    let time = now() / 1_000_000;
    let lambda = json!({
        "id": "1573817187330377061717300000",
        "message": "Adding customer to database...",
        "timestamp": time,
        "type": "stderr",
        "level": "info",
        "source": "lambda",
        "projectId": "gdufoJxB6b9b1fEqr1jUtFkyavUU",
        "deploymentId": "dpl_233NRGRjVZX1caZrXWtz5g1TAksD",
        "environment": "preview",
        "host": "my.vercel.app",
        "entrypoint": "api/index.js",
        "path": "/dynamic/[route].json",
        "statusCode": 200,
        "requestId": "643af4e3",
        "trace_id": "f80fc1e87e7bce2bb992167f47f8ab00",
        "proxy": {"method": "GET", "path": "/dynamic/x.json", "userAgent": ["Mozilla/5.0"], "statusCode": -1},
    });
    let lines = [
        lambda,
        json!({"message": "quiet", "type": "stdout", "level": "error"}),
        json!({"message": "careful", "level": "warning"}),
        json!({"message": "agents", "level": "fatal", "proxy": {"userAgent": ["a", "b"]}}),
    ];
    let body = lines.map(|line| line.to_string()).join("\n");
    let request = post("/vercel/v1/logs", "application/x-ndjson")
        .header("x-highlight-project", "4000")
        .header("x-highlight-service", "web");
    assert_eq!(
        send(request, body).await,
        (200, json!({"accepted": 4, "rejected": 0}))
    );
    assert_eq!(
        rows(4_000),
        "error Adding customer to database... of web at f80fc1e87e7bce2bb992167f47f8ab00/ \
         {'code.filepath':'/dynamic/[route].json','code.function':'api/index.js','code.namespace':'lambda',\
         'host.name':'my.vercel.app','http.method':'GET','http.status_code':'200','http.user_agent':'Mozilla/5.0',\
         'vercel.id':'1573817187330377061717300000','vercel.project':'gdufoJxB6b9b1fEqr1jUtFkyavUU',\
         'vercel.proxy.method':'GET','vercel.proxy.path':'/dynamic/x.json','vercel.proxy.statusCode':'-1',\
         'vercel.proxy.userAgent.0':'Mozilla/5.0','vercel.requestId':'643af4e3','vercel.type':'stderr'}\n\
         info quiet of web {'vercel.type':'stdout'}\n\
         warn careful of web\n\
         fatal agents of web {'http.user_agent.0':'a','http.user_agent.1':'b','vercel.proxy.userAgent.0':'a',\
         'vercel.proxy.userAgent.1':'b'}\n"
    );
    let columns = "SELECT toUnixTimestamp64Milli(Timestamp), ServiceVersion, Environment FROM logs \
        WHERE ProjectId = 4000 AND Environment != ''";
    let expected = format!("{time}\tdpl_233NRGRjVZX1caZrXWtz5g1TAksD\tpreview\n");
    assert_eq!(sql(columns), expected);
}

#[tokio::test]
async fn the_endpoint_proves_whose_it_is_when_its_url_has_the_code() {
    let url = format!(
        "{}/vercel/v1/logs?project=4001&verify=code%201",
        SERVER.url()
    );
    let client = reqwest::Client::new();
    for request in [client.get(&url), client.post(&url)] {
        let response = request.body("").send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["x-vercel-verify"], "code 1");
    }
    let without = client
        .get(format!("{}/vercel/v1/logs", SERVER.url()))
        .send()
        .await
        .unwrap();
    assert!(!without.headers().contains_key("x-vercel-verify"));
}
