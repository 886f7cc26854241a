<?php

declare(strict_types=1);

// Sends many requests, each with an id of its own, and prints what came of them as JSON. Argument: JSON with
//   url        the server
//   methods    taken in turn: GET of /small, or POST to /echo
//   requests   how many
//   batch      how many at once; each batch has a client of its own, as a PHP-FPM request would have
//   prefix     what its ids begin with; they end with the number of the request
//   digest     SHA-256 of /small
//   spreadMs   the requests are spread over this time; 0: one after the other
//   isGated    true: each batch waits for a line on standard input, and prints what came of it

use Hawser\Client;
use Hawser\ClientOptions;
use Hawser\Exception\HawserException;
use Hawser\Fallback;

require __DIR__ . '/../../../../php-client/vendor/autoload.php';

/** @var array{url: string, methods: list<string>, requests: int, batch: int, prefix: string, digest: string, spreadMs: int, isGated: bool} $job */
$job = json_decode($argv[1], true, 8, JSON_THROW_ON_ERROR);

$nothing = ['answers' => 0, 'repeated' => 0, 'sessions' => [], 'protocols' => [], 'failures' => []];
$result = $nothing;
$print = static function (array $result): void {
    $result['sessions'] = (object) $result['sessions'];
    $result['protocols'] = (object) $result['protocols'];
    fwrite(STDOUT, json_encode($result, JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE) . "\n");
};
// That a busy machine lets the broker answer late is not what these runs are about.
$options = new ClientOptions(socket: (string) getenv('HAWSER_SOCKET'), fallback: Fallback::Fail, connectTimeoutMs: 60_000);
$startedAt = hrtime(true);

for ($sent = 0; $sent < $job['requests']; $sent += $size) {
    $size = min($job['batch'], $job['requests'] - $sent);
    if ($job['isGated']) {
        fgets(STDIN);
    } else {
        $dueAt = $startedAt + intdiv($job['spreadMs'] * 1_000_000 * $sent, $job['requests']);
        while (($leftNs = $dueAt - hrtime(true)) > 0) {
            usleep(intdiv($leftNs, 1000) + 1);
        }
    }
    $client = new Client($options);
    $exchanges = [];
    for ($number = $sent; $number < $sent + $size; $number++) {
        $method = $job['methods'][$number % count($job['methods'])];
        $id = $job['prefix'] . $number;
        // Most bodies are small; some need more than one DATA frame.
        $body = $method === 'POST' ? str_repeat("{$id}\n", $number % 20 === 3 ? 5_000 : 10) : '';
        $url = $job['url'] . ($method === 'POST' ? '/echo' : '/small') . '?id=' . $id;
        $exchanges[] = [$method, $id, $body, $client->start($method, $url, ['body' => $body])];
    }
    foreach ($exchanges as [$method, $id, $body, $exchange]) {
        try {
            $response = $exchange->response();
            $facts = $response->facts();
            $isRight = $response->status() === 200 && ($method === 'POST'
                ? $response->body() === $body
                : hash('sha256', $response->body()) === $job['digest']);
            if (!$isRight) {
                $wrong = sprintf('status %d, %d bytes', $response->status(), strlen($response->body()));
                $result['failures'][] = ['method' => $method, 'id' => $id, 'name' => 'wrong_answer', 'processed' => 'maybe', 'message' => $wrong, 'attempts' => $facts->attempts, 'session' => $facts->session];
                continue;
            }
            $result['answers']++;
            $result['repeated'] += $facts->attempts > 1 ? 1 : 0;
            $result['sessions'][$facts->session] = ($result['sessions'][$facts->session] ?? 0) + 1;
            $result['protocols'][$facts->protocol] = ($result['protocols'][$facts->protocol] ?? 0) + 1;
        } catch (HawserException $error) {
            $result['failures'][] = ['method' => $method, 'id' => $id, 'name' => $error->errorName(), 'processed' => $error->processed(), 'message' => $error->getMessage(), 'attempts' => $error->facts()?->attempts ?? 0, 'session' => $error->facts()?->session ?? ''];
        }
    }
    unset($exchanges, $exchange, $response);
    if ($job['isGated']) {
        $print($result);
        $result = $nothing;
    }
}
if (!$job['isGated']) {
    $print($result);
}
