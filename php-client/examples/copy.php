<?php

declare(strict_types=1);

// A large body from one origin into another: neither the whole of it nor much of it is ever in memory.

require $_composer_autoload_path ?? __DIR__ . '/../vendor/autoload.php';

$hawser = new Hawser\Client();
$export = $hawser->request('GET', 'https://api.example.com/v1/export', ['stream' => true, 'timeoutMs' => 0]);
$copy = $hawser->request('PUT', 'https://api.example.com/v1/orders', ['body' => $export, 'timeoutMs' => 0]);

echo $copy->status(), "\n";
