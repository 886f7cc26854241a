<?php

declare(strict_types=1);

// Symfony's client on the broker, responses read as they come: needs symfony/http-client.

require $_composer_autoload_path ?? __DIR__ . '/../vendor/autoload.php';

use Hawser\Symfony\HawserHttpClient;

$client = new HawserHttpClient();
$responses = [];
for ($number = 1; $number <= 10; ++$number) {
    $responses[] = $client->request('GET', "https://api.example.com/v1/me?number={$number}", ['timeout' => 5]);
}
$bytes = 0;
foreach ($client->stream($responses) as $response => $chunk) {
    $bytes += strlen($chunk->getContent());
    if ($chunk->isLast()) {
        $response->getStatusCode();
    }
}

echo $bytes > 0 ? "read\n" : "nothing came\n";
