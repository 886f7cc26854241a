<?php

declare(strict_types=1);

// A hundred requests at once on one socket, with one failure that does not stop the others.

require $_composer_autoload_path ?? __DIR__ . '/../vendor/autoload.php';

$hawser = new Hawser\Client();
$exchanges = [];
for ($number = 1; $number < 100; ++$number) {
    $exchanges[] = $hawser->start('GET', "https://api.example.com/v1/me?number={$number}");
}
$exchanges[] = $hawser->start('GET', 'https://nowhere.invalid/');

$answers = 0;
foreach ($exchanges as $exchange) {
    try {
        $exchange->response();
        ++$answers;
    } catch (Hawser\Exception\HawserException $e) {
        echo $e->processed() === 'no' ? 'not sent: ' : 'may have been processed: ', $e->getMessage(), "\n";
    }
}
echo "{$answers} answers\n";
