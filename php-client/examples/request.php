<?php

declare(strict_types=1);

// One request, and what the broker did with it: php examples/request.php URL

require $_composer_autoload_path ?? __DIR__ . '/../vendor/autoload.php';

$url = $argv[1] ?? 'https://api.example.com/v1/me';
$response = (new Hawser\Client())->request('GET', $url, ['headers' => ['accept' => 'application/json'], 'timeoutMs' => 5000]);

echo $response->status(), ' ', $response->header('content-type'), "\n", $response->body();

$facts = $response->facts();
if ($facts !== null) {
    printf("%s, session %s, %d attempt(s), %.1f ms\n", $facts->protocol, $facts->session, $facts->attempts, $facts->totalUs / 1000);
}
