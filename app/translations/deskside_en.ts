<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en" sourcelanguage="en">
<context>
    <name>WelcomeCard</name>
    <message numerus="yes">
        <source>%n more graphics card(s).</source>
        <translation>
            <numerusform>%n more graphics card.</numerusform>
            <numerusform>%n more graphics cards.</numerusform>
        </translation>
    </message>
</context>
</TS>
